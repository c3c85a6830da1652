//! Servers that no real one is: one that is slow on purpose, one that tells little of itself, and others that answer in the place of the stream.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use knocker_core::request::Headers;
use rustls::{ClientConfig, RootCertStore};

use super::connection::{Connection, Login};
use super::{Credentials, Nats, Settings};
use crate::publish::Message;
use crate::publish::target::{Published, Readiness, Target};

/// Serves one connection.
fn serve(with: impl FnOnce(TcpStream) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (address, thread::spawn(move || with(listener.accept().unwrap().0)))
}

/// Sends a byte each time that the client has sent nothing for a moment, until it is gone.
fn dribble(mut socket: TcpStream, first: &[u8]) {
    socket.write_all(first).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    loop {
        match socket.read(&mut [0; 4096]) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if socket.write_all(b"x").is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

#[test]
fn a_handshake_that_comes_byte_by_byte_ends_at_the_deadline() {
    let (address, served) = serve(|mut socket| {
        socket.write_all(b"INFO {\"tls_required\": true}\r\n").unwrap();
        // What the client begins with, and then a record of a handshake that announces sixteen thousand bytes.
        assert!(socket.read(&mut [0; 4096]).unwrap() > 0);
        dribble(socket, &[22, 3, 3, 0x40, 0]);
    });
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let login = Login { tls: Some(Arc::new(config)), ..Login::default() };
    let failed = Connection::open(&address, &login, Duration::from_millis(200)).err().expect("it does not connect");
    assert_eq!(failed.kind(), ErrorKind::TimedOut, "{failed}");
    served.join().unwrap();
}

#[test]
fn a_greeting_that_comes_byte_by_byte_ends_at_the_deadline() {
    let (address, served) = serve(|socket| dribble(socket, b"INFO {"));
    let failed = Connection::open(&address, &Login::default(), Duration::from_millis(200)).err().expect("it does not connect");
    assert_eq!(failed.kind(), ErrorKind::TimedOut, "{failed}");
    served.join().unwrap();
}

/// Answers each request on a subject with all of these, one after the other.
fn answer(socket: TcpStream, info: &str, of_subject: impl Fn(&str) -> Vec<&'static str>) {
    let mut out = socket.try_clone().unwrap();
    let mut lines = BufReader::new(socket);
    out.write_all(format!("INFO {info}\r\n").as_bytes()).unwrap();
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["PING"] => out.write_all(b"PONG\r\n").unwrap(),
            ["HPUB", subject, reply, _, total] => {
                let mut message = vec![0; total.parse::<usize>().unwrap() + 2];
                lines.read_exact(&mut message).unwrap();
                for payload in of_subject(subject) {
                    out.write_all(format!("MSG {reply} 1 {}\r\n{payload}\r\n", payload.len()).as_bytes()).unwrap();
                }
            }
            _ => {}
        }
        line.clear();
    }
}

fn nats(address: &str) -> Nats {
    let settings = Settings {
        servers: format!("nats://{address}"),
        stream: "HOOKS".into(),
        subject: "hooks".into(),
        endpoints: Vec::new(),
        credentials: Credentials::default(),
        timeout: Duration::from_secs(60),
    };
    Nats::new(settings).unwrap()
}

fn message(bytes: usize) -> Message {
    Message {
        job_id: 1,
        event_id: 1,
        delivery_id: 1,
        endpoint: "orders".into(),
        event_type: None,
        key: Some("evt_1".into()),
        received_at: 0,
        method: "POST".into(),
        url: "/orders".into(),
        headers: Headers::default(),
        body: vec![b'x'; bytes],
    }
}

const STREAM: &str = r#"{"config": {"name": "HOOKS", "subjects": ["hooks.>"], "num_replicas": 1, "duplicate_window": 0}}"#;

/// A subscriber to everything answers as well, and sooner: what it says is taken for nothing.
#[test]
fn only_the_stream_is_believed_whoever_answers_before_it() {
    let (address, served) = serve(|socket| {
        let foreign = ["thanks", "\"thanks\"", r#"{"error": "boom"}"#, r#"{"ok": true}"#, r#"{"stream": "OTHER", "seq": 1}"#];
        answer(socket, "{\"max_payload\": 1048576}", move |subject| match subject {
            "$JS.API.STREAM.INFO.HOOKS" => vec![foreign[0], foreign[2], STREAM],
            _ => foreign.into_iter().chain([r#"{"stream": "HOOKS", "seq": 7}"#]).collect(),
        });
    });
    let mut nats = nats(&address);
    assert!(matches!(nats.ready().unwrap(), Readiness::Ready));
    assert_eq!(nats.publish(vec![message(2)]), [Published::Taken { known_before: false }]);
    drop(nats);
    served.join().unwrap();
}

/// A server refuses what is too large for it itself.
#[test]
fn a_server_that_does_not_tell_its_largest_message_gets_them() {
    let (address, served) = serve(|socket| {
        answer(socket, "{}", |subject| match subject {
            "$JS.API.STREAM.INFO.HOOKS" => vec![STREAM],
            _ => vec![r#"{"stream": "HOOKS", "seq": 7}"#],
        });
    });
    let mut nats = nats(&address);
    assert!(matches!(nats.ready().unwrap(), Readiness::Ready));
    assert_eq!(nats.publish(vec![message(100_000)]), [Published::Taken { known_before: false }]);
    drop(nats);
    served.join().unwrap();
}
