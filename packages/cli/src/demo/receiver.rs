//! The receiver: an HTTP server whose only handler stores the request and answers what the core says.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use knocker_core::providers::Secrets;
use knocker_core::store::system_now;
use knocker_core::{Code, Error, Store, request};
use tokio::sync::oneshot;

use super::webhooks::{GITHUB_SECRET, SLACK_SECRET, STRIPE_SECRET};
use crate::failure::{Exit, Failure, Result};

/// What is read of a body beyond the endpoint's limit before it is given up: a sender that writes on would not see the answer.
const MOST_DISCARDED: usize = 16 * 1024 * 1024;

/// A running receiver.
pub struct Receiver {
    /// Its address, `http://127.0.0.1:port`.
    pub url: String,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

struct Inbox {
    store: Mutex<Store>,
    wake: Sender<()>,
}

impl Receiver {
    /// Listens on a free loopback port. A message goes to `wake` for each accepted webhook.
    pub fn start(store: Store, wake: Sender<()>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let (address, listener) = listener.map_err(|error| broken(&error))?;
        let (stop, stopped) = oneshot::channel();
        let inbox = Arc::new(Inbox { store: Mutex::new(store), wake });
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            runtime.block_on(serve(listener, inbox, stopped))
        });
        Ok(Self { url: format!("http://{address}"), stop, thread })
    }

    /// Ends the receiver.
    pub fn stop(self) -> Result {
        // A receiver that ended by itself has nobody to hear it; what it ended with follows.
        let _ = self.stop.send(());
        let ended = self.thread.join().unwrap_or_else(|_| Err(io::Error::other("it panicked")));
        ended.map_err(|error| broken(&error))
    }
}

async fn serve(listener: TcpListener, inbox: Arc<Inbox>, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::spawn(async move {
        loop {
            // A connection that fails before it is there concerns its sender alone, which will try again.
            let Ok((stream, _)) = listener.accept().await else { continue };
            let inbox = inbox.clone();
            let service = service_fn(move |request| receive(inbox.clone(), request));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    // Stopped or dropped, the end is the same; the runtime ends its tasks.
    let _ = stopped.await;
    Ok(())
}

async fn receive(inbox: Arc<Inbox>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let endpoint = request.uri().path().trim_start_matches('/').to_owned();
    let limit = match inbox.limit(&endpoint) {
        Ok(limit) => limit,
        Err(error) => return Ok(refuse(&error)),
    };
    let (head, body) = request.into_parts();
    let Some((body, truncated)) = read_body(body, limit).await else { return Ok(plain(StatusCode::BAD_REQUEST, "broken body")) };
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let request = request::Request {
        method: head.method.to_string(),
        url: head.uri.to_string(),
        headers: head.headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect(),
        body: &body,
        truncated,
    };
    Ok(inbox.store_and_answer(&endpoint, &request))
}

/// The body up to `limit` bytes, and whether there was more. `None` where the sender broke off.
async fn read_body(mut body: Incoming, limit: usize) -> Option<(Vec<u8>, bool)> {
    let mut kept = Vec::with_capacity(body.size_hint().lower().min(limit as u64) as usize);
    let mut discarded = 0;
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.ok()?.into_data() else { continue };
        let room = bytes.len().min(limit - kept.len());
        kept.extend_from_slice(&bytes[..room]);
        discarded += bytes.len() - room;
        if discarded > MOST_DISCARDED {
            break;
        }
    }
    Some((kept, discarded > 0))
}

impl Inbox {
    fn limit(&self, endpoint: &str) -> knocker_core::Result<usize> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(store.find_endpoint(endpoint)?.config.max_body_bytes as usize)
    }

    /// Blocks for the commit. With one sender at a time nobody else waits for it.
    fn store_and_answer(&self, endpoint: &str, request: &request::Request) -> Response<Full<Bytes>> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let receipt = match store.receive(endpoint, request, &secrets(endpoint), system_now()) {
            Ok(receipt) => receipt,
            Err(error) => return refuse(&error),
        };
        if receipt.outcome.name() == "accepted" {
            // Without a worker the event waits in the file.
            let _ = self.wake.send(());
        }
        let mut response = Response::builder().status(receipt.response.status);
        for (name, value) in &receipt.response.headers {
            response = response.header(&**name, value);
        }
        response.body(receipt.response.body.into()).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "no answer"))
    }
}

fn secrets(endpoint: &str) -> Secrets {
    let secret = match endpoint {
        "github" => Some(GITHUB_SECRET),
        "slack" => Some(SLACK_SECRET),
        "stripe" => Some(STRIPE_SECRET),
        _ => None,
    };
    Secrets::from_strings(secret)
}

/// Nothing was stored, so the sender must not get a 2xx.
fn refuse(error: &Error) -> Response<Full<Bytes>> {
    match error.code() {
        Code::UnknownEndpoint => plain(StatusCode::NOT_FOUND, "unknown endpoint"),
        _ => {
            let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "try again");
            response.headers_mut().insert("retry-after", hyper::header::HeaderValue::from_static("5"));
            response
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}

fn broken(error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the receiver does not run: {error}"), "The demo listens on a free port of 127.0.0.1.")
}
