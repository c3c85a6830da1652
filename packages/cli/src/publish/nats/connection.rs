//! A connection to one server: greeted, encrypted where it has to be, and logged in.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::nkey::UserKey;
use super::wire::{self, JetStreamError, LOOK, Received, Sent, ServerInfo, Stream, Wire};

/// Bytes that are gathered before they are written.
const GATHERED: usize = 64 * 1024;

/// How the client proves itself, and whom it trusts.
#[derive(Default)]
pub struct Login {
    pub user: Option<(String, Zeroizing<String>)>,
    pub token: Option<Zeroizing<String>>,
    pub key: Option<UserKey>,
    pub jwt: Option<String>,
    /// For servers that want TLS; none speaks plain text where `tls_required` is not set.
    pub tls: Option<Arc<ClientConfig>>,
    pub tls_required: bool,
}

/// A connection that can publish and ask.
pub struct Connection {
    wire: Wire<Box<dyn Stream>>,
    pub info: ServerInfo,
    /// Answers come to subjects that begin so.
    inbox: String,
    asked: u64,
    gathered: Vec<u8>,
    used: Instant,
}

impl Connection {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// `PermissionDenied` for a refused login, `InvalidData` where TLS fails, others for a server that does not answer.
    pub fn open(address: &str, login: &Login, timeout: Duration) -> io::Result<Self> {
        let deadline = Instant::now() + timeout;
        let socket = dial(address, timeout)?;
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(timeout))?;
        let mut wire: Wire<Box<dyn Stream>> = Wire::new(Box::new(socket.try_clone()?));
        let Some(Sent::Info(text)) = wire.next(deadline)? else { return Err(silent()) };
        let info: ServerInfo = serde_json::from_str(&text).map_err(|_| io::Error::other("the server tells nothing of itself"))?;
        if login.tls_required || info.tls_required {
            let config = login.tls.clone().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the server wants TLS"))?;
            wire = Wire::new(Box::new(encrypted(socket, deadline, address, config)?));
        }
        let random = RandomState::new().build_hasher().finish();
        let inbox = format!("_INBOX.{random:016x}{:08x}", std::process::id());
        let mut connection = Self { wire, info, inbox, asked: 0, gathered: Vec::new(), used: Instant::now() };
        connection.log_in(login, deadline)?;
        Ok(connection)
    }

    fn log_in(&mut self, login: &Login, deadline: Instant) -> io::Result<()> {
        let mut told = json!({
            "verbose": false, "pedantic": false, "headers": true, "no_responders": true, "echo": false, "protocol": 1, "lang": "rust",
            "name": "knocker publish", "version": env!("CARGO_PKG_VERSION"), "tls_required": login.tls_required || self.info.tls_required,
        });
        if let Some((user, password)) = &login.user {
            told["user"] = user.as_str().into();
            told["pass"] = password.as_str().into();
        }
        if let Some(token) = &login.token {
            told["auth_token"] = token.as_str().into();
        }
        if let Some(key) = &login.key {
            told["sig"] = key.sign(self.info.nonce.as_deref().unwrap_or_default()).into();
            match &login.jwt {
                Some(jwt) => told["jwt"] = jwt.as_str().into(),
                None => told["nkey"] = key.public().into(),
            }
        }
        let line = Zeroizing::new(format!("CONNECT {told}\r\nPING\r\n"));
        self.wire.write(line.as_bytes())?;
        self.wire.flush()?;
        loop {
            match self.wire.next(deadline)? {
                Some(Sent::Pong) => break,
                Some(Sent::Error(why)) => return Err(io::Error::new(io::ErrorKind::PermissionDenied, why)),
                Some(_) if Instant::now() < deadline => {}
                _ => return Err(silent()),
            }
        }
        self.wire.write(format!("SUB {}.* 1\r\n", self.inbox).as_bytes())?;
        self.wire.flush()
    }

    /// Sends a message whose acknowledgement is wanted, and gives the number that it will have.
    pub fn send(&mut self, subject: &str, headers: &[(String, String)], payload: &[u8]) -> io::Result<u64> {
        self.asked += 1;
        let reply = format!("{}.{}", self.inbox, self.asked);
        self.gathered.extend_from_slice(&wire::head(subject, &reply, headers, payload.len()));
        self.gathered.extend_from_slice(payload);
        self.gathered.extend_from_slice(b"\r\n");
        if self.gathered.len() >= GATHERED {
            self.write_gathered()?;
        }
        Ok(self.asked)
    }

    fn write_gathered(&mut self) -> io::Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        self.wire.write(&gathered)
    }

    /// Lets go what was sent.
    pub fn flush(&mut self) -> io::Result<()> {
        self.write_gathered()?;
        self.wire.flush()?;
        self.used = Instant::now();
        Ok(())
    }

    /// The next answer and its number; none where nothing comes before the deadline, whatever else does.
    pub fn answer(&mut self, deadline: Instant) -> io::Result<Option<(u64, Received)>> {
        let end = deadline.max(Instant::now() + LOOK);
        while Instant::now() < end {
            match self.wire.next(deadline)? {
                None => return Ok(None),
                Some(Sent::Message(received)) => {
                    let number = received.subject.strip_prefix(&self.inbox).and_then(|rest| rest.strip_prefix('.')?.parse().ok());
                    if let Some(number) = number {
                        return Ok(Some((number, received)));
                    }
                }
                Some(Sent::Ping) => {
                    self.wire.write(b"PONG\r\n")?;
                    self.wire.flush()?;
                }
                // Not the end of every connection, but of what was asked: a message that is not allowed is not acknowledged either.
                Some(Sent::Error(why)) => return Err(io::Error::other(why)),
                Some(Sent::Info(text)) => {
                    if let Ok(info) = serde_json::from_str::<ServerInfo>(&text) {
                        self.info = ServerInfo { max_payload: info.max_payload.or(self.info.max_payload), ..info };
                    }
                }
                Some(Sent::Pong) => {}
            }
        }
        Ok(None)
    }

    /// Answers what the server has asked since, where nothing was sent for a while.
    pub fn tend(&mut self) -> io::Result<()> {
        if self.used.elapsed() >= Duration::from_millis(500) {
            let now = Instant::now();
            self.used = now;
            while self.answer(now)?.is_some() && now.elapsed() < LOOK {}
        }
        Ok(())
    }

    /// Asks JetStream.
    pub fn ask(&mut self, subject: &str, payload: &[u8], timeout: Duration) -> io::Result<Result<Value, JetStreamError>> {
        let deadline = Instant::now() + timeout;
        let number = self.send(subject, &[], payload)?;
        self.flush()?;
        while let Some((answered, received)) = self.answer(deadline)? {
            // Whoever else listens on the subject may answer as well.
            if answered == number
                && let Some(answer) = wire::answer(&received)
            {
                return Ok(answer);
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(silent())
    }
}

impl Stream for Box<dyn Stream> {
    fn set_patience(&mut self, patience: Duration) -> io::Result<()> {
        (**self).set_patience(patience)
    }
}

impl Stream for TcpStream {
    fn set_patience(&mut self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))
    }
}

/// What is below TLS: one read of a record, or a handshake, is many of these, and all of them together end at the deadline however little each brings.
struct Bounded {
    socket: TcpStream,
    deadline: Instant,
}

impl Read for Bounded {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let patience = self.deadline.saturating_duration_since(Instant::now());
        if patience.is_zero() {
            return Err(silent());
        }
        self.socket.set_read_timeout(Some(patience))?;
        self.socket.read(bytes)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// A stream through TLS.
struct Encrypted(StreamOwned<ClientConnection, Bounded>);

impl Stream for Encrypted {
    fn set_patience(&mut self, patience: Duration) -> io::Result<()> {
        self.0.sock.deadline = Instant::now() + patience;
        Ok(())
    }
}

impl Read for Encrypted {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Write for Encrypted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn encrypted(socket: TcpStream, deadline: Instant, address: &str, config: Arc<ClientConfig>) -> io::Result<Encrypted> {
    let invalid = |error: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| invalid(&error))?;
    let session = ClientConnection::new(config, name).map_err(|error| invalid(&error))?;
    Ok(Encrypted(StreamOwned::new(session, Bounded { socket, deadline })))
}

/// The first of the host's addresses that answers.
fn dial(address: &str, timeout: Duration) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the server does not answer")
}
