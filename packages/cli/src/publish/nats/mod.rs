//! A stream of NATS JetStream: each event a message with an id by which the stream knows it again.
//!
//! The client is this command's own: it needs five words of the protocol and TLS, which it has anyway. What a publisher has to do beside them
//! (one deadline for many acknowledgements, and telling an election from a refusal) no client does for it.

mod connection;
mod credentials;
#[cfg(test)]
mod hostile;
mod nkey;
mod wire;

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use super::target::{Published, Readiness, Target};
use super::{Message, escape};
use crate::failure::{Exit, Failure, Result};
use crate::{moment, printable};
use connection::Connection;
pub use credentials::Credentials;
use wire::{JetStreamError, LOOK, NO_RESPONDERS};

/// How many messages are on their way at once.
const AT_ONCE: i64 = 256;

/// Errors of JetStream.
const STREAM_NOT_FOUND: i64 = 10059;
const MESSAGE_EXCEEDS_MAXIMUM: i64 = 10054;

/// What the command line says of the stream.
pub struct Settings {
    /// `nats://a,b,c`.
    pub servers: String,
    pub stream: String,
    /// What the subjects begin with.
    pub subject: String,
    /// Only events of these endpoints are published; empty for all.
    pub endpoints: Vec<String>,
    pub credentials: Credentials,
    pub timeout: Duration,
}

/// A stream, and the connection to one of its servers.
pub struct Nats {
    settings: Settings,
    name: String,
    addresses: Vec<String>,
    tls_required: bool,
    /// The server that is tried next.
    next: usize,
    connection: Option<Connection>,
    /// Whether the stream was seen to be there and to take our subjects.
    seen: bool,
    about: String,
}

/// Why something did not work.
enum Problem {
    /// It will not get better by waiting.
    Lasting(Failure),
    /// It may.
    Passing(String),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Lasting(failure)
    }
}

impl Nats {
    /// # Errors
    /// Addresses that are none, or hold a password; a stream's name that is none; files of credentials that hold none.
    pub fn new(settings: Settings) -> Result<Self> {
        let (addresses, tls_required) = addresses(&settings.servers)?;
        if settings.stream.is_empty() || settings.stream.contains(['.', '*', '>', '/', '\\', ' ', '\t', '\r', '\n']) {
            let hint = "A stream's name has no white space, no dot, no slash, no * and no >.";
            return Err(Failure::usage(format!("{:?} is not the name of a stream", settings.stream), hint));
        }
        settings.credentials.login(tls_required)?;
        let name = format!("{} (stream {})", settings.servers, settings.stream);
        Ok(Self { settings, name, addresses, tls_required, next: 0, connection: None, seen: false, about: String::new() })
    }

    fn prepare(&mut self) -> Result<(), Problem> {
        if let Some(Err(error)) = self.connection.as_mut().map(Connection::tend) {
            self.connection = None;
            // It may only be this server that ends: another one is tried at once.
            self.connect().map_err(|problem| match problem {
                Problem::Passing(why) => Problem::Passing(format!("{error}; {why}")),
                lasting => lasting,
            })?;
        }
        if self.connection.is_none() {
            self.connect()?;
        }
        if !self.seen {
            self.look_at_stream()?;
            self.seen = true;
        }
        Ok(())
    }

    /// Connects to the first server that answers, beginning behind the last one.
    fn connect(&mut self) -> Result<(), Problem> {
        let login = self.settings.credentials.login(self.tls_required)?;
        let mut why = String::new();
        for _ in 0..self.addresses.len() {
            let address = &self.addresses[self.next % self.addresses.len()];
            self.next += 1;
            match Connection::open(address, &login, self.settings.timeout) {
                Ok(connection) => {
                    self.connection = Some(connection);
                    return Ok(());
                }
                Err(error) => why = self.passing(address, &error)?,
            }
        }
        Err(Problem::Passing(why))
    }

    fn passing(&self, address: &str, error: &io::Error) -> Result<String, Problem> {
        match error.kind() {
            io::ErrorKind::PermissionDenied => {
                let hint =
                    "Name the credentials: --creds FILE, --nkey-file FILE, --token-env NAME, or --user NAME with --password-env NAME.";
                Err(Failure::new(Exit::Failed, format!("{address} refused the login: {error}"), hint).into())
            }
            io::ErrorKind::InvalidData => {
                let hint =
                    "--tls-ca names the authority of the servers' certificates, where it is no public one; --tls-cert and --tls-key yours.";
                Err(Failure::new(Exit::Failed, format!("no TLS connection to {address}: {error}"), hint).into())
            }
            io::ErrorKind::InvalidInput => {
                let hint = "Give the addresses of servers of NATS, such as nats://a:4222,b:4222,c:4222.";
                Err(Failure::new(Exit::Failed, format!("{address}: {error}"), hint).into())
            }
            _ => Ok(format!("no connection to {address}: {error}")),
        }
    }

    /// Looks whether the stream is there and takes the subjects that will be published.
    fn look_at_stream(&mut self) -> Result<(), Problem> {
        let Settings { stream, subject, endpoints, timeout, servers, .. } = &self.settings;
        let Some(connection) = &mut self.connection else { return Err(Problem::Passing("there is no connection".into())) };
        let asked = connection.ask(&format!("$JS.API.STREAM.INFO.{stream}"), b"", *timeout);
        let found = match asked {
            Ok(Ok(found)) => found,
            Ok(Err(error)) if error.code == STREAM_NOT_FOUND => {
                let message = format!("there is no stream {stream} at {servers}");
                let hint = format!("Create it, for example: nats stream add {stream} --subjects '{subject}.>' (docs/publish.md).");
                return Err(Failure::new(Exit::NotFound, message, hint).into());
            }
            Ok(Err(error)) => return Err(Problem::Passing(format!("JetStream does not know the stream just now: {}", error.description))),
            Err(error) => {
                self.connection = None;
                return Err(Problem::Passing(format!("JetStream does not answer: {error}")));
            }
        };
        let config = &found["config"];
        if !config["subjects"].is_array() && config["name"].as_str() != Some(stream) {
            return Err(Problem::Passing("another one answers in the place of JetStream".into()));
        }
        let subjects: Vec<&str> = config["subjects"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
        let wanted: Vec<String> = match endpoints.as_slice() {
            [] => vec![format!("{subject}.>")],
            names => names.iter().map(|name| escape::subjects(subject, name)).collect(),
        };
        if let Some(missing) = wanted.iter().find(|wanted| !subjects.iter().any(|pattern| escape::covers(pattern, wanted))) {
            let message = format!("stream {stream} does not take the subjects {missing}; it has {}", subjects.join(", "));
            let hint = format!("Add them, for example: nats stream edit {stream} --subjects '{missing}'; or give --subject PREFIX.");
            return Err(Failure::new(Exit::Failed, message, hint).into());
        }
        let window_ms = config["duplicate_window"].as_i64().unwrap_or_default() / 1_000_000;
        let replicas = printable::count(config["num_replicas"].as_i64().unwrap_or(1), "replica");
        self.about = format!("{replicas}, and an id is known for {}", moment::duration(window_ms));
        Ok(())
    }

    /// Sends all that can be sent, and notes what became of each as the acknowledgements come. Gives why the rest has none.
    fn exchange(&mut self, messages: &[Message], published: &mut [Option<Published>]) -> String {
        let Some(connection) = &mut self.connection else { return "there is no connection".into() };
        // One deadline for all: a server that is gone costs it once.
        let deadline = Instant::now() + self.settings.timeout;
        let mut waiting = HashMap::new();
        let mut exchanged = || -> io::Result<()> {
            for (index, message) in messages.iter().enumerate() {
                let mut headers =
                    vec![("Nats-Msg-Id".to_owned(), message.id()), ("Nats-Expected-Stream".to_owned(), self.settings.stream.clone())];
                headers.extend(message.told());
                let size = wire::headers_length(&headers) + message.body.len();
                if let Some(most) = connection.info.max_payload.filter(|&most| size > most) {
                    let why = format!("the message has {size} bytes with its headers, and the servers' max_payload is {most}");
                    published[index] = Some(Published::Refused(why));
                    continue;
                }
                let subject = escape::subject(&self.settings.subject, &message.endpoint, message.event_type.as_deref());
                waiting.insert(connection.send(&subject, &headers, &message.body)?, index);
            }
            connection.flush()?;
            let end = deadline.max(Instant::now() + LOOK);
            while !waiting.is_empty()
                && Instant::now() < end
                && let Some((number, received)) = connection.answer(deadline)?
            {
                let Some(answer) = wire::answer(&received) else { continue };
                if answer.as_ref().is_ok_and(|answer| !wire::acknowledges(answer, &self.settings.stream)) {
                    continue;
                }
                if let Some(index) = waiting.remove(&number) {
                    published[index] = Some(match answer {
                        Ok(taken) => Published::Taken { known_before: taken["duplicate"].as_bool().unwrap_or(false) },
                        Err(error) => not_taken(&error),
                    });
                }
            }
            Ok(())
        };
        let why = match exchanged() {
            Ok(()) if waiting.is_empty() => return String::new(),
            Ok(()) => format!("no acknowledgement within {}", moment::duration(self.settings.timeout.as_millis() as i64)),
            Err(error) => format!("the connection was lost: {error}"),
        };
        self.connection = None;
        why
    }
}

impl Target for Nats {
    fn name(&self) -> &str {
        &self.name
    }

    fn at_once(&self) -> i64 {
        AT_ONCE
    }

    fn ready(&mut self) -> Result<Readiness> {
        match self.prepare() {
            Ok(()) => Ok(Readiness::Ready),
            Err(Problem::Passing(why)) => Ok(Readiness::Away(why)),
            Err(Problem::Lasting(failure)) => Err(failure),
        }
    }

    fn about(&self) -> String {
        self.about.clone()
    }

    fn tend(&mut self) {
        // What is wrong is seen, and told, before anything is published.
        if let Some(Err(_)) = self.connection.as_mut().map(Connection::tend) {
            self.connection = None;
        }
    }

    fn publish(&mut self, messages: Vec<Message>) -> Vec<Published> {
        let mut published = vec![None; messages.len()];
        let why = self.exchange(&messages, &mut published);
        published.into_iter().map(|known| known.unwrap_or_else(|| Published::Away(why.clone()))).collect()
    }
}

/// What an error says of the message, or of the stream.
fn not_taken(error: &JetStreamError) -> Published {
    match error.code {
        MESSAGE_EXCEEDS_MAXIMUM => Published::Refused("the message is larger than the stream's max_msg_size".into()),
        NO_RESPONDERS => Published::Away("no server answers for the stream: it has no leader just now".into()),
        _ => Published::Away(format!("the stream takes nothing: {}", error.description)),
    }
}

/// The servers of `nats://a:4222,b` or `tls://a,tls://b`, and whether they are to speak TLS.
fn addresses(servers: &str) -> Result<(Vec<String>, bool)> {
    let wrong = || Failure::usage("one of the servers is no host, or host:port", "Give --to nats://a,b,c, or tls://a,b,c.");
    let scheme = servers.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    let address = |server: &str| {
        if server.contains('@') {
            let hint = "Other users of the machine can read the command line. Give --creds FILE, --token-env NAME, or --user NAME with --password-env NAME.";
            return Err(Failure::usage("a password does not belong into the address", hint));
        }
        let host = server.split_once("://").map_or(server, |(_, host)| host).trim_end_matches('/');
        let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.contains(']'));
        match port {
            _ if host.is_empty() || host.contains(['/', '?', '#', ' ']) => Err(wrong()),
            Some(port) if port.parse::<u16>().is_err() => Err(wrong()),
            Some(_) => Ok(host.to_owned()),
            None => Ok(format!("{host}:4222")),
        }
    };
    let found: Result<Vec<String>> = servers.split(',').map(|server| address(server.trim())).collect();
    Ok((found?, scheme == "tls"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_a_list_under_one_scheme_and_hold_no_password() {
        let told = |text: &str| addresses(text).unwrap();
        assert_eq!(told("nats://a,b:5222, c"), (vec!["a:4222".into(), "b:5222".into(), "c:4222".into()], false));
        assert_eq!(told("tls://a,tls://[::1]/"), (vec!["a:4222".into(), "[::1]:4222".into()], true));
        assert_eq!(told("nats://[::1]:1"), (vec!["[::1]:1".into()], false));
        for wrong in ["nats://user:password@a", "nats://a,token@b", "nats://", "nats://a,,b", "nats://a:port", "nats://a/path"] {
            let failure = addresses(wrong).unwrap_err();
            assert!(failure.exit == Exit::Usage && !failure.message().contains("password@"), "{wrong}");
        }
    }
}
