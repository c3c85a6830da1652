//! What the receiver writes into: the database, the secrets, and who is told.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use http_body_util::Full;
use hyper::{Response, StatusCode};
use knocker_core::providers::{self, Provider, Secrets};
use knocker_core::receipt::Receipt;
use knocker_core::store::system_now;
use knocker_core::{Code, Error, Store, request};

use super::{Answer, Site, plain};
#[cfg(unix)]
use super::{NOT_REPLICATED, Replica};
use crate::file_id::FileId;

/// The secrets of an endpoint; an error is a mistake of the program.
type SecretsOf = dyn Fn(&str) -> Result<Secrets, ()> + Send + Sync;
/// What is done with each request that reached an endpoint.
type Told = dyn Fn(Arrival) + Send + Sync;

/// A request that reached an endpoint, and what became of it.
pub struct Arrival<'a> {
    pub endpoint: &'a str,
    pub request: &'a request::Request<'a>,
    /// The code of what went wrong where nothing was stored; `internal` where it is none of Knocker's.
    pub receipt: Result<&'a Receipt, &'static str>,
}

/// Where requests are stored.
pub struct Inbox {
    pub site: Site,
    store: Mutex<Store>,
    path: PathBuf,
    file: Option<FileId>,
    secrets: Box<SecretsOf>,
    told: Box<Told>,
    #[cfg(unix)]
    replica: Option<Replica>,
}

/// What the receiver has to know of an endpoint.
pub struct Known {
    pub name: String,
    pub most_bytes: usize,
    provider: Option<&'static Provider>,
}

impl Known {
    /// Whether the provider sends with this method.
    pub fn takes(&self, method: &str) -> bool {
        self.provider.is_none_or(|provider| provider.methods.contains(&method))
    }
}

impl Inbox {
    /// An inbox in the database that is open at the path.
    pub fn new(
        site: Site,
        (store, path): (Store, PathBuf),
        secrets: impl Fn(&str) -> Result<Secrets, ()> + Send + Sync + 'static,
        told: impl Fn(Arrival) + Send + Sync + 'static,
    ) -> Self {
        let file = FileId::of(&path);
        Self {
            site,
            store: Mutex::new(store),
            path,
            file,
            secrets: Box::new(secrets),
            told: Box::new(told),
            #[cfg(unix)]
            replica: None,
        }
    }

    /// With receipts that wait until the replica has them.
    #[cfg(unix)]
    pub fn replicated(self, replica: Option<Replica>) -> Self {
        Self { replica, ..self }
    }

    /// The endpoint that a path names, or the answer where there is none.
    pub(super) fn endpoint(&self, path: &str) -> Result<Known, Box<Answer>> {
        let name = self.site.endpoint(path).ok_or_else(|| refuse(Code::UnknownEndpoint))?;
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoint = store.find_endpoint(&name);
        drop(store);
        match endpoint {
            Ok(endpoint) => {
                let provider = endpoint.config.provider.as_deref().and_then(|provider| providers::find(provider).ok());
                Ok(Known { name, most_bytes: endpoint.config.max_body_bytes as usize, provider })
            }
            Err(error) if error.code() == Code::UnknownEndpoint => Err(Box::new(refuse(error.code()))),
            Err(error) => {
                let request = request::Request {
                    method: String::new(),
                    url: String::new(),
                    headers: Default::default(),
                    body: b"",
                    truncated: false,
                };
                (self.told)(Arrival { endpoint: &name, request: &request, receipt: Err(error.code().name()) });
                Err(Box::new(refuse(error.code())))
            }
        }
    }

    /// Blocks for the commit: this is a receiver for few senders at a time.
    pub(super) async fn store_and_answer(&self, endpoint: &str, request: &request::Request<'_>) -> Answer {
        let receipt = self.receive(endpoint, request);
        #[cfg(unix)]
        let receipt = match &self.replica {
            // It is stored all the same, and what is sent again is a duplicate.
            Some(replica) if receipt.is_ok() && !replica.has_all().await => Err(Unstored::NotReplicated),
            _ => receipt,
        };
        let told = receipt.as_ref().map_err(|failure| match failure {
            Unstored::Core(error) => error.code().name(),
            Unstored::FileReplaced => "file_replaced",
            #[cfg(unix)]
            Unstored::NotReplicated => NOT_REPLICATED,
            Unstored::NoSecrets => "internal",
        });
        (self.told)(Arrival { endpoint, request, receipt: told });
        let response = match receipt {
            Ok(receipt) => receipt.response,
            Err(Unstored::Core(error)) => return refuse(error.code()),
            Err(Unstored::FileReplaced) => return refuse(Code::IoError),
            #[cfg(unix)]
            Err(Unstored::NotReplicated) => return refuse(Code::Busy),
            Err(Unstored::NoSecrets) => return internal(),
        };
        let mut answer = Response::builder().status(response.status);
        for (name, value) in &response.headers {
            answer = answer.header(&**name, value);
        }
        answer.body(Full::from(response.body)).unwrap_or_else(|_| internal())
    }

    fn receive(&self, endpoint: &str, request: &request::Request) -> Result<Receipt, Unstored> {
        let secrets = (self.secrets)(endpoint).map_err(|()| Unstored::NoSecrets)?;
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if FileId::of(&self.path) != self.file {
            return Err(Unstored::FileReplaced);
        }
        store.receive(endpoint, request, &secrets, system_now()).map_err(Unstored::Core)
    }
}

/// Why nothing was stored, or not everywhere.
enum Unstored {
    Core(Error),
    /// SQLite would go on writing into a file that nobody finds any more.
    FileReplaced,
    /// It is stored here alone.
    #[cfg(unix)]
    NotReplicated,
    /// The program could not tell the secrets.
    NoSecrets,
}

/// Nothing was stored, so the sender must not get a 2xx; and no word of the inside goes out.
fn refuse(code: Code) -> Answer {
    match code {
        Code::UnknownEndpoint => plain(StatusCode::NOT_FOUND, "no such endpoint"),
        Code::InvalidArgument => internal(),
        _ => {
            let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "try again later");
            response.headers_mut().insert("retry-after", hyper::header::HeaderValue::from_static("5"));
            response
        }
    }
}

fn internal() -> Answer {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error: nothing was stored")
}
