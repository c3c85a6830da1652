use std::io::{Read, Write};
use std::path::PathBuf;

use knocker_core::providers;
use knocker_core::request::Request;
use knocker_core::store::system_now;
use serde_json::json;

use crate::support::{HOUR, Ran, SECRET, command, run};

const BODY: &str = "{\"id\": \"evt_1\",  \"type\": \"invoice.paid\"}";

/// A request as `nc` would capture it.
struct Capture {
    folder: tempfile::TempDir,
    raw: Vec<u8>,
}

impl Capture {
    /// Signed by Stripe `age_ms` ago.
    fn signed(age_ms: i64) -> Self {
        Self::of("stripe", BODY, age_ms)
    }

    fn of(provider: &str, body: &str, age_ms: i64) -> Self {
        let provider = providers::find(provider).unwrap();
        let request = Request::parse("{}", body.as_bytes()).unwrap();
        let signed = provider.sign(&provider.options("").unwrap(), &request, SECRET, system_now() - age_ms).unwrap();
        let headers: String = signed.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let raw = format!("POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len());
        Self { folder: tempfile::tempdir().unwrap(), raw: raw.into_bytes() }
    }

    fn file(&self) -> PathBuf {
        let path = self.folder.path().join("request.http");
        std::fs::write(&path, &self.raw).unwrap();
        path
    }

    /// Runs `verify PROVIDER FILE` with these further arguments.
    fn verify(&self, provider: &str, args: &[&str]) -> Ran {
        let file = self.file();
        let args = [&["verify", provider, file.to_str().unwrap(), "--secret-env", "HOOK_SECRET"], args].concat();
        run(command(&args).env("HOOK_SECRET", SECRET), b"")
    }
}

#[test]
fn a_valid_request_is_told_with_its_type_and_key() {
    let text = Capture::signed(0).verify("stripe", &[]).ok().stdout;
    for part in ["valid: a delivery from Stripe", "invoice.paid", "evt_1", "200"] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    let verdict = Capture::signed(0).verify("stripe", &["--json"]).ok().json();
    assert_eq!((&verdict["valid"], &verdict["kind"]), (&json!(true), &json!("delivery")));
    assert_eq!(verdict["items"], json!([{"type": "invoice.paid", "key": "evt_1"}]));
}

#[test]
fn a_handshake_is_told_with_its_answer() {
    let capture = Capture::of("slack", r#"{"type": "url_verification", "challenge": "abc"}"#, 0);
    assert!(capture.verify("slack", &[]).ok().stdout.contains("a handshake from Slack"));
    assert_eq!(capture.verify("slack", &["--json"]).ok().json()["response"]["body"], "abc");
}

#[test]
fn a_tampered_request_is_invalid() {
    let mut capture = Capture::signed(0);
    let at = capture.raw.len() - 3;
    capture.raw[at] ^= 1;
    capture.verify("stripe", &[]).fails(1, "the request is invalid: bad_signature", "byte for byte");
    let ran = capture.verify("stripe", &["--json"]).fails(1, "bad_signature", "secret");
    assert_eq!((&ran.json()["valid"], &ran.json()["reason"]), (&json!(false), &json!("bad_signature")));
}

#[test]
fn a_request_captured_earlier_is_verified_as_of_then() {
    let capture = Capture::signed(3 * HOUR);
    capture.verify("stripe", &[]).fails(1, "timestamp_out_of_tolerance", "--at");
    capture.verify("stripe", &["--at", "3h"]).ok();
    capture.verify("stripe", &["--option", "tolerance_s=0"]).ok();
}

#[test]
fn a_missing_header_is_told() {
    let mut capture = Capture::signed(0);
    capture.raw = b"POST / HTTP/1.1\r\nHost: a\r\n\r\n{}".to_vec();
    capture.verify("stripe", &[]).fails(1, "missing_header", "all its headers");
}

#[test]
fn the_request_may_come_from_standard_input() {
    let capture = Capture::signed(0);
    run(command(&["verify", "stripe", "-", "--secret-env", "S"]).env("S", SECRET), &capture.raw).ok();
    run(&mut command(&["verify", "stripe", "-", "--secret-file", "-"]), &capture.raw).fails(2, "read twice", "--secret-env");
    run(&mut command(&["verify", "token", "-", "--secret-file", "-"]), b"no request at all").fails(2, "read twice", "--secret-env");
}

#[test]
fn the_secret_may_come_from_a_file_or_standard_input_and_there_may_be_several() {
    let capture = Capture::signed(0);
    let file = capture.file();
    let secret = capture.folder.path().join("secret");
    std::fs::write(&secret, format!("{SECRET}\r\n")).unwrap();
    let verify = |args: &[&str]| command(&[&["verify", "stripe", file.to_str().unwrap()], args].concat());
    run(&mut verify(&["--secret-file", secret.to_str().unwrap()]), b"").ok();
    run(&mut verify(&["--secret-file", "-"]), format!("{SECRET}\n").as_bytes()).ok();
    run(verify(&["--secret-env", "NEW", "--secret-file", secret.to_str().unwrap()]).env("NEW", "test-next"), b"").ok();
}

#[test]
fn without_a_secret_nothing_is_verified() {
    let capture = Capture::signed(0);
    let file = capture.file();
    let verify = |args: &[&str]| run(command(&[&["verify", "stripe", file.to_str().unwrap()], args].concat()).env("BLANK", " "), b"");
    verify(&[]).fails(2, "no secret was given", "--secret-env");
    verify(&["--secret-env", "NOT_SET"]).fails(2, "\"NOT_SET\" is not set", "Export");
    verify(&["--secret-env", "BLANK"]).fails(2, "blank", "blank");
    verify(&["--secret-file", "/nowhere/secret"]).fails(3, "cannot read the secret file /nowhere/secret", "path");
}

#[test]
fn what_cannot_be_read_is_named() {
    let mut capture = Capture::signed(0);
    capture.verify("strip", &[]).fails(2, "did you mean \"stripe\"?", "knocker providers");
    capture.verify("stripe", &["-o", "tolerance=1"]).fails(2, "did you mean \"tolerance_s\"?", "Correct");
    capture.raw = BODY.into();
    capture.verify("stripe", &[]).fails(1, "not HTTP/1.1", "POST /stripe HTTP/1.1");
    let ran = run(command(&["verify", "stripe", "/nowhere/request", "--secret-env", "S"]).env("S", SECRET), b"");
    ran.fails(3, "cannot read /nowhere/request", "path");
}

#[test]
#[cfg(target_os = "linux")]
fn a_secret_typed_on_a_terminal_is_taken() {
    let file = Capture::signed(0);
    let line = format!("{} verify stripe {}", env!("CARGO_BIN_EXE_knocker"), file.file().display());
    // `script` gives the command a terminal. The terminal itself may still echo what is typed in the instant between the question and
    // the end of the echo, so what is shown is not looked at here.
    let mut child = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    while !shown.ends_with(b"(not shown): ") {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&shown));
        shown.push(byte[0]);
    }
    writeln!(stdin, "{SECRET}").unwrap();
    stdout.read_to_end(&mut shown).unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(child.wait().unwrap().success() && shown.contains("valid: a delivery from Stripe"), "{shown}");
}
