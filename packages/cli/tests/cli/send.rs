use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use knocker_core::providers::{self, Outcome, Secrets};
use knocker_core::request::{Headers, Request};
use knocker_core::store::system_now;
use serde_json::json;

use crate::support::{HOUR, Ran, SECRET, command, run};

const BODY: &str = "{\"id\": \"evt_1\",  \"type\": \"invoice.paid\"}\n";

/// What one request said.
struct Received {
    method: String,
    url: String,
    headers: Headers,
    body: Vec<u8>,
}

impl Received {
    fn verified_by(&self, provider: &str, now: i64) -> Outcome {
        let provider = providers::find(provider).unwrap();
        let request = Request {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: &self.body,
            truncated: false,
        };
        provider.verify(&provider.options("").unwrap(), &request, &Secrets::from_strings([SECRET]), now).outcome
    }
}

/// A server on the loopback interface that takes one request, gives this answer, and hands the request over.
fn server(answer: &'static str) -> (String, JoinHandle<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
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
        let length = headers.first("content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        let mut words = start.split(' ').map(str::to_owned);
        Received { method: words.next().unwrap(), url: words.next().unwrap(), headers, body }
    });
    (url, thread)
}

fn send(provider: &str, url: &str, args: &[&str]) -> Ran {
    let patient: &[&str] = if args.contains(&"--timeout") { &[] } else { &["--timeout", "10m"] };
    let args = [&["send", provider, url, "-", "--secret-env", "HOOK_SECRET"], patient, args].concat();
    run(command(&args).env("HOOK_SECRET", SECRET), BODY.as_bytes())
}

#[test]
fn a_payload_is_signed_and_posted_byte_for_byte() {
    let (url, server) = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Id: 7\r\n\r\nok");
    let sent = send("stripe", &url, &[]).ok().stdout;
    assert!(sent.starts_with(&format!("POST {url}: 200 in ")) && sent.ends_with("\nok\n"), "{sent}");
    let received = server.join().unwrap();
    assert_eq!((received.method.as_str(), received.url.as_str()), ("POST", "/hook?a=b"));
    assert_eq!(received.body, BODY.as_bytes());
    assert_eq!(received.headers.first("content-type"), Some("application/json"));
    assert!(received.headers.first("user-agent").unwrap().starts_with("knocker/"));
    assert!(matches!(received.verified_by("stripe", system_now()), Outcome::Delivery(_)));
}

#[test]
fn headers_method_time_and_options_are_those_asked_for() {
    let (url, server) = server("HTTP/1.1 204 No Content\r\n\r\n");
    let args = ["-H", "X-GitHub-Event: issues", "-H", "content-type: text/x", "-X", "PUT", "--json"];
    let sent = send("github", &url, &args).ok().json();
    assert_eq!((&sent["status"], &sent["method"]), (&json!(204), &json!("PUT")));
    let mut received = server.join().unwrap();
    assert_eq!(received.headers.all("x-github-event").collect::<Vec<_>>(), ["issues"]);
    assert_eq!(received.headers.all("content-type").collect::<Vec<_>>(), ["text/x"]);
    assert_eq!(received.method, "PUT");
    // GitHub itself sends nothing but POST.
    received.method = "POST".into();
    assert!(matches!(received.verified_by("github", 0), Outcome::Delivery(items) if items[0].event_type.as_deref() == Some("issues")));

    let (url, server) = self::server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    send("slack", &url, &["--at", "2h"]).ok();
    let received = server.join().unwrap();
    assert!(matches!(received.verified_by("slack", system_now()), Outcome::Refused { .. }));
    assert!(matches!(received.verified_by("slack", system_now() - 2 * HOUR), Outcome::Delivery(_)));
}

#[test]
fn a_type_that_was_made_up_is_told() {
    let sent_with = |provider: &str, args: &[&str]| {
        let (url, server) = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let sent = send(provider, &url, args).ok().stdout;
        server.join().unwrap();
        sent.split_once("\nok\n").unwrap().1.to_owned()
    };
    let told = "sent with X-GitHub-Event: ping, as none was given; for another type add -H 'X-GitHub-Event: TYPE'\n";
    assert_eq!(sent_with("github", &[]), told);
    assert_eq!(sent_with("github", &["-H", "x-github-event: push"]), "");
    // The body says what Stripe's and Linear's are.
    assert_eq!(sent_with("stripe", &[]), "");
    assert_eq!(sent_with("linear", &[]), "");
}

#[test]
fn a_payload_may_come_from_a_file_and_the_secret_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let payload = folder.path().join("payload.bin");
    std::fs::write(&payload, b"\x00\xff not json").unwrap();
    let (url, server) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut send = command(&["send", "token", &url, payload.to_str().unwrap(), "--secret-file", "-"]);
    run(&mut send, SECRET.as_bytes()).ok();
    let received = server.join().unwrap();
    assert_eq!(received.body, b"\x00\xff not json");
    assert_eq!(received.headers.first("content-type"), Some("application/octet-stream"));
    // The token is what the provider sends, so it must arrive, and only there.
    assert_eq!(received.headers.first("x-webhook-token"), Some(SECRET));
}

#[test]
fn an_answer_that_is_not_2xx_is_a_failure_of_its_kind() {
    let cases = [
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 17\r\n\r\ninvalid signature", 1, "answered 401", "check the secret"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 1, "answered 404", "-H 'Host: "),
        ("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", 1, "answered 413", "answer above"),
        ("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 1, "answered 302", "Redirects are not followed"),
        ("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 4, "answered 503", "send again"),
        ("HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n", 4, "answered 429", "send again"),
    ];
    for (answer, code, error, hint) in cases {
        let (url, server) = server(answer);
        let ran = send("stripe", &url, &[]).fails(code, error, hint);
        assert!(ran.stdout.starts_with("POST http://127.0.0.1"), "{}", ran.stdout);
        server.join().unwrap();
    }
}

#[test]
fn an_answer_does_not_reach_the_terminal_as_it_is() {
    let (url, server) = server("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n\x1b[2Jbad");
    assert!(send("stripe", &url, &[]).ok().stdout.ends_with("\\u{1b}[2Jbad\n"));
    server.join().unwrap();
}

#[test]
fn a_receiver_that_is_not_there_may_be_there_later() {
    // Nobody listens on port 1; and the password of the URL is not repeated.
    send("stripe", &format!("http://user:{SECRET}@127.0.0.1:1/hook"), &[]).fails(4, "did not answer", "Check that the receiver runs");
}

#[test]
fn a_receiver_that_is_silent_is_given_up() {
    // Connections are made and nobody takes them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    send("stripe", &url, &["--timeout", "1s"]).fails(4, "did not answer in time", "--timeout");
}

#[test]
fn https_is_not_spoken_to_whom_it_does_not_trust() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/hook", listener.local_addr().unwrap());
    let plain = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Until the other side gives up.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    send("stripe", &url, &[]).fails(1, "no TLS connection to https://127.0.0.1", "plain http");
    plain.join().unwrap();
}

#[test]
fn wrong_usage_is_refused_before_anything_is_sent() {
    send("strip", "http://127.0.0.1:1/", &[]).fails(2, "did you mean \"stripe\"?", "knocker providers");
    for url in ["no-url", "localhost:3000/stripe", "127.0.0.1:1/", "ftp://127.0.0.1:1/"] {
        send("stripe", url, &[]).fails(2, "cannot be sent to: it does not begin with http://", "absolute URL");
    }
    send("stripe", "http://127.0.0.1:1/", &["-X", "P UT"]).fails(2, "cannot be sent", "method");
    send("stripe", "http://127.0.0.1:1/", &["--secret-env", "HOOK_SECRET"]).fails(2, "several secrets", "one");
    assert_eq!(send("stripe", "http://127.0.0.1:1/", &["-H", "no colon"]).code, 2);
    let missing = ["send", "stripe", "http://127.0.0.1:1/", "/nowhere/payload", "--secret-env", "HOOK_SECRET"];
    run(command(&missing).env("HOOK_SECRET", SECRET), b"").fails(3, "cannot read /nowhere/payload", "path");
}
