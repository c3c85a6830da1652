//! Plays the HTTP data that every package runs over sockets to this receiver.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use knocker_core::Store;
use knocker_core::providers::Secrets;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::{Arrival, Inbox, Receiver, Site};
use crate::rows::select;

/// A server that says nothing for so long has forgotten.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the runner sends after each case, to know that all before it was seen.
const GOOD: &str = "POST /webhooks/token HTTP/1.1\r\nHost: shop.example\r\nX-Webhook-Token: test-token\r\nContent-Length: 4\r\n\r\nlast";

#[test]
fn it_answers_as_every_package_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../extension/conformance/http");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let (mut ran, mut failed) = (0, Vec::new());
    for file in files {
        let data: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for case in data["cases"].as_array().unwrap() {
            // Nothing stands in front of this receiver that could read a body, and it has no hooks that could be closed.
            if case["reads_body"] == true || case["database"] == "closed" {
                continue;
            }
            ran += 1;
            if let Err(why) = play(&data["endpoints"], case) {
                failed.push(format!("{}: {}: {why}", file.file_name().unwrap().display(), case["name"]));
            }
        }
    }
    assert!(ran > 150, "{ran}");
    assert!(failed.is_empty(), "{} of {ran}:\n{}", failed.len(), failed.join("\n"));
}

/// One case against a receiver and a file of its own.
fn play(endpoints: &Value, case: &Value) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let store = open(&path);
    store.bootstrap(0).unwrap();
    let mut secrets = BTreeMap::new();
    for (name, settings) in endpoints.as_object().into_iter().chain(case["endpoints"].as_object()).flatten() {
        let mut settings = settings.as_object().unwrap().clone();
        secrets.insert(name.clone(), settings.remove("secrets"));
        store.endpoint(name, &Value::Object(settings).to_string(), 0).unwrap();
    }
    let reported = Arc::<Mutex<BTreeSet<&'static str>>>::default();
    let inbox = inbox(case, open(&path), path.clone(), secrets, reported.clone());
    let receiver = Receiver::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), inbox).unwrap();
    let address: SocketAddr = receiver.url.strip_prefix("http://").unwrap().parse().unwrap();
    let broken = case["database"].as_str();
    match broken {
        Some("locked") => store.conn().execute_batch("BEGIN IMMEDIATE").unwrap(),
        Some("newer") => store.conn().execute_batch("INSERT INTO _knocker_schema SELECT max(version) + 1, 0 FROM _knocker_schema").unwrap(),
        Some("removed") => std::fs::remove_file(&path).unwrap(),
        _ => {}
    }
    let mut other = None;
    let mut sender = Sender { address, connections: BTreeMap::new() };
    for step in case["steps"].as_array().unwrap() {
        if let Some(status) = sender.take(step)? {
            other = Some(status);
        }
    }
    drop(sender);
    if broken.is_none() {
        let mut last = TcpStream::connect(address).unwrap();
        last.set_read_timeout(Some(PATIENCE)).unwrap();
        last.write_all(GOOD.as_bytes()).unwrap();
        let answer = Connected { stream: last, read: Vec::new(), asks_for_head: false }.answer();
        match answer {
            Some(Answered { status: 200, .. }) => {}
            _ => return Err("the next good request is not taken".into()),
        }
    }
    receiver.stop().unwrap();
    let expected = match &other {
        None => case,
        Some(status) => &case["otherwise"][status],
    };
    compare_stored(expected, &open(&path), broken)?;
    let told: Vec<&str> = reported.lock().unwrap().iter().copied().collect();
    let wanted: BTreeSet<&str> = expected["reported"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if wanted.iter().ne(told.iter()) { Err(format!("it reported {told:?}, expected {wanted:?}")) } else { Ok(()) }
}

fn inbox(
    case: &Value,
    store: Store,
    path: PathBuf,
    secrets: BTreeMap<String, Option<Value>>,
    reported: Arc<Mutex<BTreeSet<&'static str>>>,
) -> Inbox {
    if case["database"] == "full" {
        store.conn().query_row("PRAGMA max_page_count = 1", [], |_| Ok(())).unwrap();
    }
    let site = Site {
        mount: "/webhooks",
        public_url: case["app"]["public_url"].as_str().map(str::to_owned),
        trust_proxy: case["app"]["trust_proxy"] == true,
    };
    let secrets = move |name: &str| match &secrets[name] {
        Some(Value::Array(secrets)) => Ok(Secrets::from_strings(secrets.iter().filter_map(Value::as_str))),
        Some(_) => Err(()),
        None => Ok(Secrets::default()),
    };
    let told = move |arrival: Arrival| {
        if let Err(code) = arrival.receipt {
            reported.lock().unwrap().insert(code);
        }
    };
    Inbox::new(site, (store, path), secrets, told)
}

fn open(path: &Path) -> Store {
    let conn = Connection::open(path).unwrap();
    conn.pragma_update(None, "synchronous", "OFF").unwrap();
    conn.busy_timeout(Duration::from_millis(50)).unwrap();
    Store::new(conn)
}

fn compare_stored(expected: &Value, store: &Store, broken: Option<&str>) -> Result<(), String> {
    if broken == Some("removed") {
        return Ok(());
    }
    let sql = "SELECT endpoint, outcome, reason, method, url, headers, body, body_size FROM knocker_deliveries
               WHERE body IS NOT CAST('last' AS BLOB) ORDER BY id";
    let rows = select(store.conn(), sql, []).map_err(|failure| failure.message().to_owned())?;
    let mut found = json!(rows);
    for row in found.as_array_mut().unwrap() {
        if let Some(body) = row.as_object_mut().unwrap().remove("body_base64") {
            row["body"] = json!({"$base64": body});
        }
        for value in row["headers"].as_object_mut().into_iter().flat_map(Map::values_mut) {
            if let Value::Array(values) = value {
                *value = values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ").into();
            }
        }
    }
    let none = json!([]);
    let wanted = if expected["stored"].is_null() { &none } else { &expected["stored"] };
    if matches(wanted, &found) { Ok(()) } else { Err(format!("it stored {found}, expected {wanted}")) }
}

/// Whether what was found is what is meant: an object names the members that matter, an array has as many elements.
fn matches(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(rule), _) if rule.contains_key("$any") => rule["$any"].as_array().unwrap().iter().any(|one| matches(one, found)),
        (Value::Object(rule), _) if rule.contains_key("$range") => {
            let bound = |at: usize| rule["$range"][at].as_i64().unwrap();
            found.as_i64().is_some_and(|number| (bound(0)..=bound(1)).contains(&number))
        }
        (Value::Object(rule), _) if rule.contains_key("$contains") => {
            found.as_str().is_some_and(|text| text.contains(rule["$contains"].as_str().unwrap()))
        }
        (Value::Object(rule), _) if rule.contains_key("$not_null") => !found.is_null(),
        (Value::Object(members), _) => members.iter().all(|(name, member)| matches(member, &found[name])),
        (Value::Array(elements), Value::Array(all)) => {
            elements.len() == all.len() && elements.iter().zip(all).all(|(one, other)| matches(one, other))
        }
        _ => expected == found,
    }
}

/// The connections of a case.
struct Sender {
    address: SocketAddr,
    connections: BTreeMap<String, Connected>,
}

impl Sender {
    /// Takes a step. An answer that is not the first of its list is given back, as the data names it.
    fn take(&mut self, step: &Value) -> Result<Option<String>, String> {
        let name = step["on"].as_str().unwrap_or_default().to_owned();
        let address = self.address;
        let connected = self.connections.entry(name.clone()).or_insert_with(|| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            Connected { stream, read: Vec::new(), asks_for_head: false }
        });
        if let Some(bytes) = bytes(step) {
            // What answers a HEAD has the length of a body that does not come.
            connected.asks_for_head |= bytes.starts_with(b"HEAD ");
            let times = step["times"].as_u64().unwrap_or(1) as usize;
            // Whoever has answered need not read on.
            let _ = connected.stream.write_all(&bytes.repeat(times));
            return Ok(None);
        }
        match step["close"].as_str() {
            Some("half") => drop(connected.stream.shutdown(Shutdown::Write)),
            Some(how) => {
                #[cfg(unix)]
                if how == "reset" {
                    rustix::net::sockopt::set_socket_linger(&connected.stream, Some(Duration::ZERO)).unwrap();
                }
                assert!(matches!(how, "all" | "reset"), "{how}");
                self.connections.remove(&name);
            }
            None => return expect(&step["answer"], connected.answer()),
        }
        Ok(None)
    }
}

fn bytes(step: &Value) -> Option<Vec<u8>> {
    match (&step["send"], &step["send_base64"]) {
        (Value::String(text), _) => Some(text.clone().into_bytes()),
        (Value::Array(lines), _) => Some(lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\r\n").into_bytes()),
        (_, Value::String(encoded)) => Some(STANDARD.decode(encoded).unwrap()),
        _ => None,
    }
}

fn expect(expected: &Value, answer: Option<Answered>) -> Result<Option<String>, String> {
    let status = answer.as_ref().map_or(Value::Null, |answer| answer.status.into());
    let allowed = match &expected["status"] {
        Value::Array(allowed) => allowed.clone(),
        one => vec![one.clone()],
    };
    match allowed.iter().position(|one| *one == status) {
        None => return Err(format!("it answered {status}, expected one of {allowed:?}")),
        Some(0) => {}
        Some(_) => return Ok(Some(answer.map_or_else(|| "closed".into(), |answer| answer.status.to_string()))),
    }
    let Some(answer) = answer else { return Ok(None) };
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let found = answer.headers.get(name).map_or(Value::Null, |found| found.as_str().into());
        if found != *value {
            return Err(format!("{name} is {found}, expected {value}"));
        }
    }
    match expected["body"].as_str() {
        Some(body) if body != answer.body => Err(format!("the body is {:?}, expected {body:?}", answer.body)),
        _ => Ok(None),
    }
}

struct Connected {
    stream: TcpStream,
    read: Vec<u8>,
    asks_for_head: bool,
}

struct Answered {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Connected {
    /// The next answer that is no interim one; none where the connection ends before.
    fn answer(&mut self) -> Option<Answered> {
        loop {
            let mut slots = [httparse::EMPTY_HEADER; 64];
            let mut parsed = httparse::Response::new(&mut slots);
            if let Ok(httparse::Status::Complete(head)) = parsed.parse(&self.read) {
                let status = parsed.code.unwrap();
                let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                let headers: BTreeMap<String, String> =
                    parsed.headers.iter().map(|header| (header.name.to_ascii_lowercase(), text(header.value))).collect();
                let length = match headers.get("content-length") {
                    Some(length) if !self.asks_for_head => length.parse().unwrap(),
                    _ => 0,
                };
                if self.read.len() >= head + length {
                    let answer: Vec<u8> = self.read.drain(..head + length).collect();
                    if status < 200 {
                        continue;
                    }
                    return Some(Answered { status, headers, body: text(&answer[head..]) });
                }
            }
            let mut more = [0; 4096];
            match self.stream.read(&mut more) {
                Ok(0) => return None,
                Ok(number) => self.read.extend_from_slice(&more[..number]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    panic!("no answer in time")
                }
                Err(_) => return None,
            }
        }
    }
}
