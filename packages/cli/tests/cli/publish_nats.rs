//! `knocker publish` to real servers of NATS JetStream: `make test-nats`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use knocker_core::store::system_now;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

use crate::doctor::findings;
use crate::nats::Nats;
use crate::nats::client::connection::Login;
use crate::support::{Inbox, Ran, command, run};

/// The stream of all tests.
fn hooks() -> Value {
    json!({"name": "HOOKS", "subjects": ["HOOKS.>"], "num_replicas": 1, "duplicate_window": 3_600_000_000_000_i64})
}

fn with(mut config: Value, key: &str, value: Value) -> Value {
    config[key] = value;
    config
}

fn publish(inbox: &Inbox, nats: &Nats, args: &[&str]) -> Ran {
    let (db, address) = (inbox.path("inbox.db"), nats.address());
    let mut command = command(&["--db", db.to_str().unwrap(), "publish", "--drain", "--to", &address, "--stream", "HOOKS"]);
    run(command.args(args).env("HOOK_PASSWORD", "test-password"), b"")
}

#[test]
#[ignore = "wants a server of NATS: make test-nats"]
fn an_event_becomes_one_message_with_all_that_was_received() {
    let nats = Nats::single("", Login::default());
    nats.stream("CREATE", "HOOKS", &hooks());
    let inbox = Inbox::with_orders();
    let body = "{\"id\": \"evt/1 ü\",  \"type\": \"order.paid\"}\n";
    inbox.receive(body, 0);
    let ran = publish(&inbox, &nats, &[]).ok();
    assert!(ran.stdout.contains("an id is known for 1 hour") && ran.stdout.contains("published 1 event"), "{}", ran.stdout);
    let messages = nats.messages("HOOKS");
    let [message] = messages.as_slice() else { panic!("{} messages", messages.len()) };
    assert_eq!((message.subject.as_str(), &message.body[..]), ("HOOKS.orders.order.paid", body.as_bytes()));
    let received_at = inbox.now.to_string();
    for (name, value) in [
        ("Nats-Msg-Id", "orders/order.paid=3Aevt=2F1=20=C3=BC"),
        ("Knocker-Endpoint", "orders"),
        ("Knocker-Type", "order.paid"),
        ("Knocker-Key", "order.paid:evt/1 ü"),
        ("Knocker-Event-Id", "1"),
        ("Knocker-Delivery-Id", "1"),
        ("Knocker-Received-At", received_at.as_str()),
        ("Knocker-Header-x-trace", "t-1"),
    ] {
        assert_eq!(message.header(name), Some(value), "{name}");
    }
    assert_eq!(inbox.status(1), "handled");

    // Another machine that got the same retry.
    let other = Inbox::with_orders();
    other.receive(r#"{"id": "evt_0", "type": "order.paid"}"#, 0);
    other.receive(body, 0);
    assert!(publish(&other, &nats, &[]).ok().stdout.contains("published 2 events (1 of them were there already)"));
    assert_eq!(nats.messages_in("HOOKS"), 2);
}

#[test]
#[ignore = "wants a server of NATS: make test-nats"]
fn what_is_wrong_with_the_stream_is_said_and_what_is_too_large_fails_alone() {
    let nats = Nats::single("max_payload: 10000", Login::default());
    let inbox = Inbox::with_orders();
    inbox.receive(r#"{"id": "evt_1", "type": "order.paid"}"#, 0);
    nats.stream("CREATE", "OTHER", &json!({"name": "OTHER", "subjects": ["other.>"]}));
    publish(&inbox, &nats, &[]).fails(3, "there is no stream HOOKS", "nats stream add HOOKS");
    let (db, address) = (inbox.path("inbox.db"), nats.address());
    let other = ["--db", db.to_str().unwrap(), "publish", "--drain", "--to", &address, "--stream", "OTHER"];
    run(&mut command(&other), b"").fails(1, "does not take the subjects OTHER.>; it has other.>", "--subject PREFIX");

    nats.stream("CREATE", "HOOKS", &with(hooks(), "max_msg_size", 3000.into()));
    for (id, size) in [("evt_2", 20_000), ("evt_3", 5_000)] {
        inbox.receive(&format!(r#"{{"id": "{id}", "type": "order.paid", "filler": "{}"}}"#, "x".repeat(size)), 0);
    }
    inbox.receive(r#"{"id": "evt_4", "type": "order.paid"}"#, 0);
    let ran = publish(&inbox, &nats, &[]).ok();
    assert!(ran.stdout.contains("max_payload") && ran.stdout.contains("max_msg_size"), "{}", ran.stdout);
    assert_eq!([1, 2, 3, 4].map(|event| inbox.status(event)), ["handled", "failed", "failed", "handled"]);

    // A stream that is full and refuses new messages takes them once there is room.
    let full = Inbox::with_orders();
    full.receive(r#"{"id": "evt_5", "type": "order.paid"}"#, 0);
    let limited = with(with(hooks(), "max_msgs", 2.into()), "discard", "new".into());
    nats.stream("UPDATE", "HOOKS", &limited);
    let ran = publish(&full, &nats, &[]).fails(4, "the events wait in the file", "");
    assert!(ran.stdout.contains("the stream takes nothing: maximum messages exceeded"), "{}", ran.stdout);
    assert_eq!(full.count("knocker_attempts"), 0);
    nats.purge("HOOKS");
    publish(&full, &nats, &[]).ok();
    assert_eq!(full.status(1), "handled");
}

#[test]
#[ignore = "wants a server of NATS: make test-nats"]
fn while_no_server_is_there_events_wait_and_the_doctor_says_since_when() {
    let mut nats = Nats::single("", Login::default());
    nats.stream("CREATE", "HOOKS", &hooks());
    let inbox = Inbox::with_orders();
    inbox.receive_many(300);
    let before = system_now();
    nats.servers[0].kill();
    let running = Publisher::start(&inbox, &nats.address());
    running.until("away", 1);
    let found = findings(&inbox.knocker(&["--json", "doctor"]));
    let away = found.iter().find(|finding| finding["code"] == "publisher_away").unwrap_or_else(|| panic!("{found:?}"));
    assert!(away["what"].as_str().unwrap().contains("300 events wait in the file"), "{away}");
    let since = "SELECT away_since FROM _knocker_publishers";
    assert!((before..=system_now()).contains(&inbox.store.conn().query_row(since, [], |row| row.get(0)).unwrap()));
    nats.servers[0].start();
    running.until("published", 300);
    let ended = running.end();
    assert_eq!((&ended["kind"], &ended["published"]), (&"ends".into(), &300.into()));
    assert_eq!(inbox.count("knocker_attempts"), 300, "an attempt was used up");
    assert!(findings(&inbox.knocker(&["--json", "doctor"])).iter().all(|finding| finding["code"] != "publisher_away"));
}

#[test]
#[ignore = "wants a server of NATS: make test-nats"]
fn credentials_come_from_the_environment_and_servers_prove_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let openssl = |args: &[&str]| assert!(Command::new("openssl").args(args).stderr(Stdio::null()).status().unwrap().success());
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let (ca, ca_key) = (path("ca.pem"), path("ca.key"));
    openssl(&[&["req", "-x509", "-subj", "/CN=test authority", "-out", &ca, "-keyout", &ca_key][..], &key].concat());
    let (request, of_server, server_key) = (path("server.csr"), path("server.pem"), path("server.key"));
    openssl(&[&["req", "-subj", "/CN=127.0.0.1", "-out", &request, "-keyout", &server_key][..], &key].concat());
    std::fs::write(path("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let names = path("names");
    openssl(&["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-out", &of_server, "-extfile", &names]);
    let more = format!(
        "authorization {{ user: hooks, password: test-password }}\ntls {{ cert_file: \"{of_server}\", key_file: \"{server_key}\" }}"
    );
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&ca).unwrap()).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions().unwrap();
    let tls = Some(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let user = Some(("hooks".to_owned(), zeroize::Zeroizing::new("test-password".to_owned())));
    let nats = Nats::single(&more, Login { user, tls, ..Login::default() });
    nats.stream("CREATE", "HOOKS", &hooks());
    let inbox = Inbox::with_orders();
    inbox.receive(r#"{"id": "evt_1", "type": "order.paid"}"#, 0);
    let user = ["--user", "hooks", "--password-env", "HOOK_PASSWORD"];
    publish(&inbox, &nats, &user).fails(1, "no TLS connection", "--tls-ca");
    publish(&inbox, &nats, &["--tls-ca", &ca]).fails(1, "refused the login", "--creds");
    publish(&inbox, &nats, &["--tls-ca", &ca, "--user", "other", "--password-env", "HOOK_PASSWORD"]).fails(1, "refused the login", "");
    publish(&inbox, &nats, &["--tls-ca", &path("nothing.pem")]).fails(3, "nothing.pem", "");
    assert_eq!(inbox.status(1), "received");
    let ran = publish(&inbox, &nats, &[&["--tls-ca", &ca][..], &user].concat()).ok();
    assert!(ran.stdout.contains("published 1 event") && !ran.stdout.contains("test-password"), "{}", ran.stdout);
}

/// What a publisher told, with when it was told.
type Told = Arc<Mutex<Vec<(Instant, Value)>>>;

/// A publisher that runs.
struct Publisher {
    child: Child,
    told: Told,
    reader: Option<thread::JoinHandle<()>>,
}

impl Publisher {
    fn start(inbox: &Inbox, address: &str) -> Self {
        let db = inbox.path("inbox.db");
        let mut command = command(&["--db", db.to_str().unwrap(), "--json", "publish", "--to", address, "--stream", "HOOKS"]);
        let mut child = command.args(["--timeout", "2s", "--lease", "6s"]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = Told::default();
        let telling = told.clone();
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                telling.lock().unwrap().push((Instant::now(), serde_json::from_str(&line).unwrap()));
            }
        });
        Self { child, told, reader: Some(reader) }
    }

    /// Waits until it has told that so often, or of so many events.
    fn until(&self, kind: &str, number: i64) {
        while self
            .told
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, told)| told["kind"] == kind)
            .map(|(_, told)| told["events"].as_i64().unwrap_or(1))
            .sum::<i64>()
            < number
        {
            thread::yield_now();
        }
    }

    /// SIGTERM; the last thing that it tells.
    fn end(mut self) -> Value {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.reader.take().unwrap().join().unwrap();
        let told = self.told.lock().unwrap();
        told.last().unwrap().1.clone()
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many events of one file there are in all; `KNOCKER_NATS_EVENTS` says another number.
fn events_of_a_file() -> usize {
    std::env::var("KNOCKER_NATS_EVENTS").map_or(1000, |number| number.parse::<usize>().unwrap() / 3)
}

/// For so long after a kill it is watched how long nobody published.
const WATCHED: Duration = Duration::from_secs(15);
/// Events that all three files have: the same retry that came to three machines.
const SHARED: usize = 50;

#[test]
#[ignore = "wants servers of NATS: make test-nats"]
fn three_files_one_stream_and_each_event_once_while_leaders_and_a_publisher_are_killed() {
    let mut nats = Nats::cluster();
    nats.stream("CREATE", "HOOKS", &with(hooks(), "num_replicas", 3.into()));
    let number = events_of_a_file();
    let inboxes: Vec<Inbox> = (0..3).map(|_| Inbox::with_orders()).collect();
    let expected: BTreeMap<String, String> = (0..3)
        .flat_map(|file| (0..number).map(move |event| name(file, event)))
        .map(|id| (format!("orders/order.paid=3A{id}"), body(&id)))
        .collect();
    for inbox in &inboxes {
        // A death that was shared is waited out: not for as long as the default.
        inbox.store.endpoint("orders", r#"{"backoff": {"base_s": 1, "factor": 1, "cap_s": 1}}"#, inbox.now).unwrap();
        inbox.store.conn().execute_batch("PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 60000").unwrap();
    }
    let receive = |inbox: &Inbox, file: usize, mut events: std::ops::Range<usize>| {
        let received = inbox.store.atomic(|| Ok(events.all(|event| inbox.receive(&body(&name(file, event)), 0).is_some())));
        assert_eq!(received, Ok(true));
    };
    for (file, inbox) in inboxes.iter().enumerate() {
        receive(inbox, file, 0..number / 2);
    }
    let started = Instant::now();
    let address = nats.address();
    let mut publishers: Vec<Publisher> = inboxes.iter().map(|inbox| Publisher::start(inbox, &address)).collect();
    let in_stream = |nats: &Nats, wanted: usize| {
        nats.eventually("the stream grows", || (nats.messages_in("HOOKS") >= wanted).then_some(()));
    };
    let mut killed = Vec::new();
    for (round, part) in [expected.len() / 8, expected.len() / 4].into_iter().enumerate() {
        in_stream(&nats, part);
        let leader = nats.leader("HOOKS");
        leader.kill();
        let (name, at) = (leader.name.clone(), Instant::now());
        killed.push(at);
        // The others go on with a leader of their own; then the killed one comes back, so that the next kill leaves two again.
        nats.eventually("another leads", || (nats.info("HOOKS")["cluster"]["leader"] != name.as_str()).then_some(()));
        nats.servers.iter_mut().find(|server| server.name == name).unwrap().start();
        for (file, inbox) in inboxes.iter().enumerate() {
            let (from, to) = (number / 2 + round * (number / 4), if round == 1 { number } else { 3 * number / 4 });
            receive(inbox, file, from..to);
        }
    }
    in_stream(&nats, expected.len() / 2);
    publishers[2].kill();
    let told_before = publishers[2].told.lock().unwrap().clone();
    publishers[2] = Publisher::start(&inboxes[2], &address);
    let waiting = "SELECT count(*) FROM knocker_events WHERE status <> 'handled'";
    for inbox in &inboxes {
        nats.eventually("nothing is left", || {
            inbox.store.conn().query_row(waiting, [], |row| row.get::<_, i64>(0)).is_ok_and(|left| left == 0).then_some(())
        });
    }
    let took = started.elapsed();

    let told: Vec<Vec<(Instant, Value)>> = publishers.iter().map(|publisher| publisher.told.lock().unwrap().clone()).collect();
    for publisher in publishers {
        assert_eq!(publisher.end()["kind"], "ends");
    }
    let found: Vec<(String, String)> = nats
        .messages("HOOKS")
        .iter()
        .map(|message| (message.header("Nats-Msg-Id").unwrap().to_owned(), String::from_utf8(message.body.clone()).unwrap()))
        .collect();
    let ids: BTreeSet<&String> = found.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), found.len(), "an event is in the stream twice");
    assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), expected);

    // The longest time in which nobody published, around each kill.
    let mut moments: Vec<Instant> =
        told.iter().chain([&told_before]).flatten().filter(|(_, told)| told["kind"] == "published").map(|(at, _)| *at).collect();
    moments.sort_unstable();
    let longest_after = |killed: &Instant| {
        let later = moments.iter().filter(|moment| *moment > killed).copied();
        let soon: Vec<Instant> = std::iter::once(*killed).chain(later).take_while(|at| *at - *killed < WATCHED).collect();
        soon.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).max().unwrap_or_default()
    };
    let waits: Vec<u128> = killed.iter().map(longest_after).collect();
    let sum = |key: &str| told.iter().chain([&told_before]).flatten().map(|(_, told)| told[key].as_i64().unwrap_or(0)).sum::<i64>();
    println!(
        "{} events of three files in {:.1} s with two leaders and a publisher killed: {:.0}/s; {} were sent again; the longest pause after a leader was killed: {waits:?} ms",
        3 * number,
        took.as_secs_f64(),
        3.0 * number as f64 / took.as_secs_f64(),
        sum("known_before"),
    );
}

/// The first events are the same in all files.
fn name(file: usize, event: usize) -> String {
    if event < SHARED { format!("shared_{event}") } else { format!("file_{file}_{event}") }
}

fn body(id: &str) -> String {
    format!(r#"{{"id": "{id}", "type": "order.paid"}}"#)
}
