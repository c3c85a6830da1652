//! An HTTP server whose only handler stores the request and answers what the core says, by the rules of docs/http.md: for the demo and for
//! `knocker listen`.

#[cfg(test)]
mod conformance;
mod head;
mod inbox;
#[cfg(unix)]
mod replica;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use knocker_core::request;
use tokio::sync::oneshot;

pub use head::Site;
pub use inbox::{Arrival, Inbox};
#[cfg(unix)]
pub use replica::{NOT_REPLICATED, Replica};

use crate::failure::{Exit, Failure, Result};

/// How long a sender may take for the head of a request, and how long for its body.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is read of a body that nobody wants, and for how long, so that its sender, who may be writing still, sees the answer.
const MOST_DISCARDED: usize = 16 * 1024 * 1024;
const DISCARD_FOR: Duration = Duration::from_secs(5);

/// What is answered.
type Answer = Response<Full<Bytes>>;

/// A running receiver.
pub struct Receiver {
    /// Its address, `http://127.0.0.1:port`.
    pub url: String,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Receiver {
    /// Listens on the address; port 0 is a free one.
    pub fn start(address: SocketAddr, inbox: Inbox) -> Result<Self> {
        let listener = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let (address, listener) = listener.map_err(|error| {
            let hint = "Another program may listen there: name another port with --port, or end it.";
            Failure::new(Exit::Failed, format!("cannot listen on {address}: {error}"), hint)
        })?;
        let (stop, stopped) = oneshot::channel();
        let inbox = Arc::new(inbox);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
            runtime.block_on(serve(listener, inbox, stopped))
        });
        Ok(Self { url: format!("http://{address}"), stop, thread })
    }

    /// Ends the receiver.
    pub fn stop(self) -> Result {
        // A receiver that ended by itself has nobody to hear it; what it ended with follows.
        let _ = self.stop.send(());
        let ended = self.thread.join().unwrap_or_else(|_| Err(io::Error::other("it panicked")));
        ended.map_err(|error| Failure::new(Exit::Failed, format!("the receiver does not run: {error}"), "Start it again."))
    }
}

async fn serve(listener: TcpListener, inbox: Arc<Inbox>, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::spawn(async move {
        loop {
            // A connection that fails before it is there concerns its sender alone, which will try again.
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let inbox = inbox.clone();
            let service = service_fn(move |request| receive(inbox.clone(), request));
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).half_close(true);
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
    // Stopped or dropped, the end is the same; the runtime ends its tasks.
    let _ = stopped.await;
    Ok(())
}

async fn receive(inbox: Arc<Inbox>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let (answer, unread) = answer(&inbox, &head, body).await;
    if let Some(body) = unread {
        tokio::spawn(discard(body));
    }
    Ok(answer)
}

/// The answer, and what was not read of the body.
async fn answer(inbox: &Inbox, head: &hyper::http::request::Parts, mut body: Incoming) -> (Answer, Option<Incoming>) {
    let endpoint = match inbox.endpoint(head.uri.path()) {
        Ok(endpoint) => endpoint,
        Err(refusal) => return (*refusal, Some(body)),
    };
    let Some(url) = inbox.site.url(head) else { return (plain(StatusCode::BAD_REQUEST, "bad host"), Some(body)) };
    let mut request = request::Request {
        method: head.method.to_string(),
        url,
        headers: head.headers.iter().map(|(name, value)| (name.as_str(), latin(value.as_bytes()))).collect(),
        body: b"",
        truncated: false,
    };
    let announced = body.size_hint().exact().unwrap_or(0);
    if !endpoint.takes(&request.method) || announced > endpoint.most_bytes as u64 {
        request.truncated = announced > endpoint.most_bytes as u64;
        return (inbox.store_and_answer(&endpoint.name, &request).await, Some(body));
    }
    match tokio::time::timeout(PATIENCE, read(&mut body, endpoint.most_bytes)).await {
        Err(_) => (plain(StatusCode::REQUEST_TIMEOUT, "the body took too long"), None),
        Ok(None) => (plain(StatusCode::BAD_REQUEST, "the body ended early"), None),
        Ok(Some(read)) => {
            request.truncated = read.len() > endpoint.most_bytes;
            request.body = &read;
            (inbox.store_and_answer(&endpoint.name, &request).await, request.truncated.then_some(body))
        }
    }
}

/// The body, or a byte more than the limit of one that is larger. `None` where the sender broke off.
async fn read(body: &mut Incoming, limit: usize) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(body.size_hint().lower().min(limit as u64) as usize);
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.ok()?.into_data() else { continue };
        kept.extend_from_slice(&bytes[..bytes.len().min(limit + 1 - kept.len())]);
        if kept.len() > limit {
            break;
        }
    }
    Some(kept)
}

async fn discard(mut body: Incoming) {
    let reading = async {
        let mut discarded = 0;
        while let Some(Ok(frame)) = body.frame().await {
            discarded += frame.data_ref().map_or(0, Bytes::len);
            if discarded > MOST_DISCARDED {
                break;
            }
        }
    };
    // Either way there is an end.
    let _ = tokio::time::timeout(DISCARD_FOR, reading).await;
}

/// Text in which each byte is a letter, as HTTP has it.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let text_plain = hyper::header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, text_plain);
    response
}
