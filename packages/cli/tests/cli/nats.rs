//! Real servers of NATS on loopback, for the tests of `make test-nats`.

use std::cell::RefCell;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use client::connection::{Connection, Login};

/// The command's own client: what it is tested by are the servers.
#[allow(dead_code)]
#[path = "../../src/publish/nats"]
pub mod client {
    pub mod connection;
    pub mod nkey;
    pub mod wire;
}

/// Between two looks at what a server does on its own time.
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);
/// Nothing here takes as long.
const PATIENCE: Duration = Duration::from_secs(300);

/// A server that can be killed and started again. It ends with the test.
pub struct Server {
    pub name: String,
    port: u16,
    configuration: PathBuf,
    child: Option<Child>,
}

impl Server {
    fn new(folder: &Path, name: &str, more: &str) -> Self {
        let (port, configuration, store) = (free_port(), folder.join(format!("{name}.conf")), folder.join(name));
        let text =
            format!("server_name: {name}\nlisten: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\" }}\n{more}\n", store.display());
        fs::write(&configuration, text).unwrap();
        let mut server = Self { name: name.to_owned(), port, configuration, child: None };
        server.start();
        server
    }

    pub fn start(&mut self) {
        let program = std::env::var_os("KNOCKER_NATS_SERVER").expect("KNOCKER_NATS_SERVER names the program");
        let mut command = Command::new(program);
        command.arg("-c").arg(&self.configuration).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A message as it stands in a stream.
pub struct Stored {
    pub subject: String,
    headers: String,
    pub body: Vec<u8>,
}

impl Stored {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Servers, and a client of theirs.
pub struct Nats {
    pub servers: Vec<Server>,
    login: Login,
    connection: RefCell<Option<Connection>>,
    _folder: tempfile::TempDir,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Nats {
    /// One server, with these lines in its configuration, and what the client proves itself with.
    pub fn single(more: &str, login: Login) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let servers = vec![Server::new(folder.path(), "n1", more)];
        Self { servers, login, connection: RefCell::default(), _folder: folder }
    }

    /// Three servers of one cluster.
    pub fn cluster() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let routes: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let list: Vec<String> = routes.iter().map(|port| format!("\"nats-route://127.0.0.1:{port}\"")).collect();
        let server = |(number, route): (usize, &u16)| {
            let more = format!("cluster {{ name: knocker, listen: \"127.0.0.1:{route}\", routes: [{}] }}", list.join(", "));
            Server::new(folder.path(), &format!("n{}", number + 1), &more)
        };
        let servers = routes.iter().enumerate().map(server).collect();
        Self { servers, login: Login::default(), connection: RefCell::default(), _folder: folder }
    }

    /// What the command is told.
    pub fn address(&self) -> String {
        let servers: Vec<String> = self.servers.iter().map(Server::address).collect();
        format!("nats://{}", servers.join(","))
    }

    /// Asks JetStream, by way of whichever server answers. None where none does, or there is no leader.
    fn ask(&self, subject: &str, payload: &Value) -> Option<Value> {
        let mut connection = self.connection.borrow_mut();
        let timeout = Duration::from_secs(2);
        if connection.is_none() {
            let open = |server: &Server| Connection::open(&server.address(), &self.login, timeout).ok();
            *connection = self.servers.iter().filter(|server| server.child.is_some()).find_map(open);
        }
        let payload = if payload.is_null() { String::new() } else { payload.to_string() };
        let asked = connection.as_mut()?.ask(&format!("$JS.API.{subject}"), payload.as_bytes(), timeout);
        match asked {
            Ok(answer) => answer.ok(),
            Err(_) => {
                *connection = None;
                None
            }
        }
    }

    /// Makes or changes a stream, as soon as the servers are ready for that.
    pub fn stream(&self, verb: &str, name: &str, config: &Value) {
        self.eventually("the stream is made", || self.ask(&format!("STREAM.{verb}.{name}"), config));
    }

    pub fn purge(&self, name: &str) {
        self.eventually("the stream is emptied", || self.ask(&format!("STREAM.PURGE.{name}"), &Value::Null));
    }

    /// The stream as it is now, as soon as it has a leader.
    pub fn info(&self, name: &str) -> Value {
        self.eventually("the stream has a leader", || {
            let info = self.ask(&format!("STREAM.INFO.{name}"), &Value::Null)?;
            (info["cluster"].is_null() || info["cluster"]["leader"].is_string()).then_some(info)
        })
    }

    pub fn messages_in(&self, name: &str) -> usize {
        self.info(name)["state"]["messages"].as_u64().unwrap() as usize
    }

    /// The server that leads the stream.
    pub fn leader(&mut self, name: &str) -> &mut Server {
        let leader = self.info(name)["cluster"]["leader"].as_str().unwrap().to_owned();
        self.servers.iter_mut().find(|server| server.name == leader).unwrap()
    }

    /// Every message of the stream.
    pub fn messages(&self, name: &str) -> Vec<Stored> {
        let state = &self.info(name)["state"];
        let ends = [&state["first_seq"], &state["last_seq"]].map(|number| number.as_u64().unwrap());
        let decoded = |value: &Value| STANDARD.decode(value.as_str().unwrap_or_default()).unwrap();
        (ends[0].max(1)..=ends[1])
            .map(|sequence| {
                let got = self.eventually("the message is read", || self.ask(&format!("STREAM.MSG.GET.{name}"), &json!({"seq": sequence})));
                let message = &got["message"];
                Stored {
                    subject: message["subject"].as_str().unwrap().to_owned(),
                    headers: String::from_utf8(decoded(&message["hdrs"])).unwrap(),
                    body: decoded(&message["data"]),
                }
            })
            .collect()
    }

    /// Looks until there is something.
    pub fn eventually<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(found) = look() {
                return found;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        panic!("not within five minutes: {what}");
    }
}
