use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use knocker_core::providers::{self, Outcome, Secrets};
use knocker_core::request::{Headers, Request};
use knocker_core::store::system_now;
use serde_json::Value;

use crate::support::{Inbox, SECRET, command, run};

/// A request that the app got.
pub struct Got {
    start: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Got {
    fn verified_by(&self, provider: &str) -> bool {
        let provider = providers::find(provider).unwrap();
        let request = Request {
            method: "POST".into(),
            url: self.start.split(' ').nth(1).unwrap().into(),
            headers: self.headers.clone(),
            body: &self.body,
            truncated: false,
        };
        let verdict = provider.verify(&provider.options("").unwrap(), &request, &Secrets::from_strings([SECRET]), system_now());
        matches!(verdict.outcome, Outcome::Delivery(_))
    }
}

/// An app that gives these answers, one a connection, and hands over what it got.
pub fn app(answers: &'static [&'static str]) -> (String, Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let (tell, got) = mpsc::channel();
    thread::spawn(move || {
        for status in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read(&stream);
            let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
            stream.write_all(answer.as_bytes()).unwrap();
            let _ = tell.send(request);
        }
    });
    (url, got)
}

fn read(stream: &TcpStream) -> Got {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut text = String::new();
        reader.read_line(&mut text).unwrap();
        text.trim_end().to_owned()
    };
    let start = line();
    let mut headers = Headers::new();
    loop {
        let header = line();
        let Some((name, value)) = header.split_once(": ") else { break };
        headers.push(name, value);
    }
    let mut body = vec![0; headers.first("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    Got { start, headers, body }
}

#[test]
fn a_stored_delivery_goes_out_byte_for_byte_without_what_was_redacted() {
    let inbox = Inbox::with_orders();
    let body = "{\"id\": \"evt_1\",  \"type\": \"order.paid\"}\n";
    inbox.receive(body, 0);
    inbox.receive_forged("{}", 0);
    let traced = "UPDATE _knocker_deliveries SET headers = json_set(headers, '$.knocker-traceparent', '00-1')";
    inbox.store.conn().execute(traced, []).unwrap();
    let (url, got) = app(&["200 OK"]);
    let ran = inbox.knocker(&["forward", &url, "--since", "1h"]).ok();
    assert!(ran.stdout.contains("delivery 1 orders order.paid -> 200 in "), "{}", ran.stdout);
    assert!(ran.stdout.contains("without what was stored redacted (x-webhook-token)"), "{}", ran.stdout);
    let got = got.recv().unwrap();
    assert_eq!(got.start, "POST /hooks HTTP/1.1");
    assert_eq!(got.body, body.as_bytes());
    assert_eq!((got.headers.first("x-trace"), got.headers.first("x-webhook-token")), (Some("t-1"), None));
    // It belongs to the trace of the app that has stored it.
    assert_eq!(got.headers.first("knocker-traceparent"), None);
}

#[test]
fn a_signature_that_is_too_old_is_made_anew_with_a_given_secret() {
    let inbox = Inbox::empty();
    inbox.store.endpoint("stripe", r#"{"provider": "stripe"}"#, inbox.now).unwrap();
    let body = br#"{"id": "evt_1", "type": "invoice.paid"}"#;
    inbox.receive_signed("stripe", body);
    let db = inbox.path("inbox.db");
    let forward = |args: &[&str]| {
        let mut command = command(&["--db", db.to_str().unwrap(), "forward"]);
        run(command.args(args).env("HOOK_SECRET", SECRET), b"")
    };
    let (url, got) = app(&["200 OK"]);
    assert!(!forward(&[&url, "--delivery", "1", "--secret-env", "HOOK_SECRET"]).ok().stdout.contains("anew"));
    let first = got.recv().unwrap();

    // As if it had come two hours ago.
    let old = Inbox::empty();
    old.store.endpoint("stripe", r#"{"provider": "stripe"}"#, old.now).unwrap();
    let stripe = providers::find("stripe").unwrap();
    let mut request = Request::parse("{}", body).unwrap();
    let then = old.now - 2 * crate::support::HOUR;
    for (name, value) in stripe.sign(&stripe.options("").unwrap(), &request, SECRET, then).unwrap().headers {
        request.headers.push(name, value);
    }
    old.store.receive("stripe", &request, &Secrets::from_strings([SECRET]), then).unwrap();
    let db = old.path("inbox.db");
    let forward = |args: &[&str]| {
        let mut command = command(&["--db", db.to_str().unwrap(), "forward"]);
        run(command.args(args).env("HOOK_SECRET", SECRET), b"")
    };
    let (url, got) = app(&["401 Unauthorized", "200 OK"]);
    let refused = forward(&[&url, "--event", "1"]).fails(1, "1 of 1 were not answered 2xx", "--secret-env");
    assert!(refused.stdout.contains("delivery 1 stripe invoice.paid -> 401"), "{}", refused.stdout);
    assert!(!got.recv().unwrap().verified_by("stripe"));
    assert!(forward(&[&url, "--event", "1", "--secret-env", "HOOK_SECRET"]).ok().stdout.contains("signed anew"));
    let anew = got.recv().unwrap();
    assert!(first.verified_by("stripe") && anew.verified_by("stripe"));
    assert_eq!(anew.body, body);
}

#[test]
fn from_a_server_to_a_laptop_is_a_pipe() {
    let inbox = Inbox::with_orders();
    inbox.receive(r#"{"id": "evt_1", "type": "order.paid"}"#, 0);
    inbox.receive(r#"{"id": "evt_2", "type": "order.created"}"#, 0);
    let lines = inbox.knocker(&["forward", "--stdout", "--since", "1h", "--type", "order.created"]).ok();
    assert_eq!(lines.json_lines().len(), 1);
    let (url, got) = app(&["204 No Content"]);
    // Nothing of the database is there, and the token is one of the developer's own.
    let mut laptop = command(&["--json", "forward", "--stdin", &url, "--secret-env", "HOOK_SECRET"]);
    let ran = run(laptop.env("HOOK_SECRET", SECRET), lines.stdout.as_bytes()).ok().json();
    assert_eq!((&ran["status"], &ran["signed_anew"], &ran["delivery_id"]), (&204.into(), &true.into(), &2.into()));
    assert_eq!(ran["redacted"], serde_json::json!([]));
    let got = got.recv().unwrap();
    assert_eq!(got.body, br#"{"id": "evt_2", "type": "order.created"}"#);
    assert_eq!(got.headers.first("x-webhook-token"), Some(SECRET));
}

#[test]
fn what_comes_is_forwarded_while_it_follows() {
    let inbox = Inbox::with_orders();
    inbox.receive(r#"{"id": "evt_1", "type": "order.paid"}"#, 0);
    let (url, got) = app(&["200 OK", "200 OK"]);
    let db = inbox.path("inbox.db");
    let mut follow = command(&["--db", db.to_str().unwrap(), "--json", "forward", &url, "--follow", "--since", "1h"]);
    let mut child: Child = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["delivery_id"].clone();
    assert_eq!(next(), 1);
    inbox.receive(r#"{"id": "evt_2", "type": "order.paid"}"#, 0);
    assert_eq!(next(), 2);
    drop(got);
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    let inbox = Inbox::with_orders();
    inbox.receive("{}", 0);
    let (url, got) = app(&["302 Found\r\nLocation: http://127.0.0.1:1/elsewhere"]);
    let ran = inbox.knocker(&["forward", &url, "--since", "1h"]).fails(1, "1 of 1 were not answered 2xx", "401");
    assert!(ran.stdout.contains("-> 302"), "{}", ran.stdout);
    assert_eq!(got.iter().count(), 1);
}

/// A name of a header that no HTTP knows came over SQL; those behind it go all the same.
#[test]
fn one_that_cannot_be_sent_does_not_keep_back_the_others() {
    let inbox = Inbox::with_orders();
    for name in ["X Y", "X-Y"] {
        let head = format!(r#"{{"headers": {{"X-Webhook-Token": "{SECRET}", "{name}": "1"}}}}"#);
        let body = format!(r#"{{"id": "{name}"}}"#);
        let request = Request::parse(&head, body.as_bytes()).unwrap();
        inbox.store.receive("orders", &request, &Secrets::from_strings([SECRET]), inbox.now).unwrap();
    }
    let (url, got) = app(&["200 OK"]);
    let ran = inbox.knocker(&["forward", &url, "--since", "1h"]).fails(1, "1 of 2 were not answered 2xx", "");
    assert!(ran.stdout.contains("delivery 1 orders -> not sent: the request cannot be sent"), "{}", ran.stdout);
    assert!(ran.stdout.contains("delivery 2 orders -> 200"), "{}", ran.stdout);
    assert_eq!(got.recv().unwrap().headers.first("x-y"), Some("1"));
}

#[test]
#[cfg(unix)]
fn an_interrupt_does_not_wait_for_an_app_that_hangs() {
    let inbox = Inbox::with_orders();
    inbox.receive("{}", 0);
    let app = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", app.local_addr().unwrap());
    let db = inbox.path("inbox.db");
    let mut forward = command(&["--db", db.to_str().unwrap(), "forward", &url, "--since", "1h", "--timeout", "10h"]);
    let mut child = forward.spawn().unwrap();
    // It has sent, and waits.
    let (stream, _) = app.accept().unwrap();
    read(&stream);
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_forwarded_is_said() {
    let inbox = Inbox::with_events();
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{nowhere}/");
    inbox.knocker(&["forward", &url, "--delivery", "1"]).fails(4, "did not answer", "listens there");
    inbox.knocker(&["forward", "localhost:3000/", "--since", "1h"]).fails(2, "does not begin with http://", "absolute URL");
    inbox.knocker(&["forward", &url]).fails(2, "which deliveries?", "--follow");
    inbox.knocker(&["forward", &url, "--delivery", "99"]).fails(3, "no delivery 99", "knocker deliveries");
    let mut stdin = command(&["forward", "--stdin", &url]);
    run(&mut stdin, b"{}\n").fails(1, "no delivery", "--stdout");
    assert!(inbox.knocker(&["forward", &url, "--until", "2000-01-01"]).ok().stdout.contains("no delivery was forwarded"));
}
