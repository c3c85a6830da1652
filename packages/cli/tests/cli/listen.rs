use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::forward::app;
use crate::support::{SECRET, command, run};

const PAYLOAD: &str = "{\"id\": \"evt_1\",  \"type\": \"invoice.paid\"}\n";

/// A `knocker listen` that runs.
struct Listening {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
    first: Value,
}

impl Listening {
    fn start(folder: &tempfile::TempDir, args: &[&str]) -> Self {
        let mut command = command(&["--json", "listen", "stripe", "--port", "0"]);
        let mut child = command.args(args).env("HOOK_SECRET", SECRET).current_dir(folder).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        Self { child, lines, url: first["url"].as_str().unwrap().to_owned(), first }
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn send(url: &str) -> i32 {
    let mut send = command(&["send", "stripe", url, "-", "--secret-env", "HOOK_SECRET", "--timeout", "10m"]);
    run(send.env("HOOK_SECRET", SECRET), PAYLOAD.as_bytes()).code
}

#[test]
fn a_first_webhook_needs_no_file_no_endpoint_and_no_app() {
    let folder = tempfile::tempdir().unwrap();
    let mut listening = Listening::start(&folder, &["--secret-env", "HOOK_SECRET"]);
    assert_eq!((&listening.first["db"], &listening.first["verified"]), (&json!("knocker.db"), &json!(true)));
    assert_eq!(send(&listening.url), 0);
    let received = listening.next();
    assert_eq!((&received["kind"], &received["receipt"]["outcome"]), (&json!("receipt"), &json!("accepted")));
    assert_eq!(send(&listening.url), 0);
    assert_eq!(listening.next()["receipt"]["outcome"], "duplicate");
    assert_eq!(send(&format!("{}/no", listening.url)), 1);

    let db = folder.path().join("knocker.db");
    let events = run(&mut command(&["--db", db.to_str().unwrap(), "--json", "events"]), b"").ok().json();
    assert_eq!((&events["type"], &events["deliveries"]), (&json!("invoice.paid"), &json!(2)));
}

#[test]
fn the_app_gets_each_request_as_it_came() {
    let folder = tempfile::tempdir().unwrap();
    let (url, got) = app(&["200 OK", "500 Oops"]);
    let mut listening = Listening::start(&folder, &["--secret-env", "HOOK_SECRET", "--to", &url]);
    assert_eq!(send(&listening.url), 0);
    let told = [listening.next(), listening.next()];
    assert!(told.iter().any(|line| line["kind"] == "forward" && line["status"] == 200), "{told:?}");
    let got = got.recv().unwrap();
    assert_eq!(got.body, PAYLOAD.as_bytes());
    assert!(got.headers.first("stripe-signature").is_some());
    // What the app says is the app's: the sender has its answer from the inbox.
    assert_eq!(send(&listening.url), 0);
    let told = [listening.next(), listening.next()];
    assert!(told.iter().any(|line| line["kind"] == "forward" && line["status"] == 500), "{told:?}");
}

#[test]
fn without_a_secret_it_says_that_nothing_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let mut listening = Listening::start(&folder, &[]);
    assert_eq!(listening.first["verified"], false);
    assert_eq!(send(&listening.url), 1);
    assert_eq!(listening.next()["receipt"]["reason"], "no_secret");
    let mut people = command(&["listen", "stripe", "--port", "0"]).current_dir(&folder).stdout(Stdio::piped()).spawn().unwrap();
    let lines: Vec<String> = BufReader::new(people.stdout.take().unwrap()).lines().map_while(Result::ok).take(5).collect();
    assert!(lines.iter().any(|line| line.contains("NOTHING")) && lines.iter().any(|line| line.contains("--secret-env")), "{lines:?}");
    people.kill().unwrap();
    people.wait().unwrap();
}

#[test]
fn what_to_try_can_be_typed_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("the secret"), SECRET).unwrap();
    let offered = |args: &[&str]| {
        let mut listen = command(&["listen", "stripe", "--port", "0"]);
        let mut child = listen.args(args).env("HOOK_SECRET", SECRET).current_dir(&folder).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.starts_with("try it with")).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        line
    };
    assert!(offered(&["--secret-env", "HOOK_SECRET"]).ends_with(" payload.json --secret-env HOOK_SECRET"));
    assert!(offered(&["--secret-file", "the secret"]).ends_with(" payload.json --secret-file 'the secret'"));
    assert!(offered(&[]).ends_with(" payload.json --secret-env NAME"));
}

#[test]
fn an_app_that_hangs_does_not_fill_the_memory_and_holds_up_no_receipt() {
    let folder = tempfile::tempdir().unwrap();
    // It takes connections, and says nothing.
    let app = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", app.local_addr().unwrap());
    let mut listening = Listening::start(&folder, &["--secret-env", "HOOK_SECRET", "--to", &url, "--timeout", "1h"]);
    // One is under way, 64 wait, and the next one is not kept for the app.
    assert_eq!(answered_of(&listening.url, 66), 66);
    let told: Vec<Value> = (0..67).map(|_| listening.next()).collect();
    assert_eq!(told.iter().filter(|line| line["kind"] == "receipt").count(), 66);
    let last = told.iter().find(|line| line["kind"] == "forward").unwrap();
    assert!(last["error"].as_str().unwrap().contains("64 others wait"), "{last}");
}

/// Sends so many requests without a signature, and returns how many were answered.
fn answered_of(url: &str, number: usize) -> usize {
    use std::io::{Read, Write};
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let request = format!("POST /{path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
    let answered = |_: &usize| {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.starts_with("HTTP/1.1 ")
    };
    (0..number).filter(answered).count()
}

#[test]
fn what_it_cannot_do_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let listen = |args: &[&str]| run(command(&["listen"]).args(args).current_dir(&folder), b"");
    listen(&["stripe", "--to", "localhost:3000/stripe"]).fails(2, "does not begin with http://", "absolute URL");
    listen(&["orders"]).fails(2, "no endpoint \"orders\", and no provider \"orders\"", "--provider");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let itself = format!("http://localhost:{free}/stripe");
    listen(&["stripe", "--port", &free, "--to", &itself]).fails(2, "leads to this very receiver", "the app itself listens");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    listen(&["stripe", "--port", &port]).fails(1, "cannot listen on 127.0.0.1", "--port");
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut listening = Listening::start(&folder, &["--secret-env", "HOOK_SECRET"]);
    let id = listening.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(listening.child.wait().unwrap().code(), Some(0));
}

/// What Litestream's control socket is to a receipt: it answers each question on a connection of its own, with the next of these.
#[cfg(unix)]
fn litestream(path: &std::path::Path, answers: &'static [(u16, &str)]) -> std::thread::JoinHandle<Vec<Value>> {
    use std::io::{Read, Write};

    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut question = vec![0; length];
            reader.read_exact(&mut question).unwrap();
            asked.push(serde_json::from_slice(&question).unwrap());
            write!(stream, "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
        asked
    })
}

#[cfg(unix)]
#[test]
fn a_receipt_waits_for_the_replica_and_what_it_does_not_have_is_503() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("litestream.sock");
    let mut listening = Listening::start(&folder, &["--secret-env", "HOOK_SECRET", "--replicated", "litestream.sock"]);
    assert_eq!(send(&listening.url), 4);
    assert_eq!(listening.next()["error"], "not_replicated");
    let answering = litestream(
        &socket,
        &[
            (500, r#"{"error": "sync database: no space left"}"#),
            (200, r#"{"status": "synced_local", "txid": 3, "replicated_txid": 2}"#),
            (200, r#"{"status": "synced", "txid": 3, "replicated_txid": 3}"#),
        ],
    );
    for _ in 0..2 {
        assert_eq!(send(&listening.url), 4);
        assert_eq!(listening.next()["error"], "not_replicated");
    }
    assert_eq!(send(&listening.url), 0);
    assert_eq!(listening.next()["receipt"]["outcome"], "duplicate");
    let asked = answering.join().unwrap();
    let path = folder.path().canonicalize().unwrap().join("knocker.db");
    assert_eq!(asked[2], json!({"path": path, "wait": true, "timeout": 5}));
}
