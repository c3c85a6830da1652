//! A tenant moves to another machine while it receives, as docs/beyond-one-machine.md tells it: two receivers, each with a file of its own, under load and
//! killed in the middle. Nothing that was acknowledged is lost, and nothing is there or handled twice.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::thread;

use knocker_core::claim::ClaimFilter;
use knocker_core::store::{Store, system_now};
use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Ran, SECRET, command, knocker};

const SENDERS: usize = 4;

/// A `knocker listen` on a file.
struct Receiver {
    child: Child,
    address: String,
}

impl Receiver {
    fn start(db: &Path) -> Self {
        let mut command =
            command(&["--db", db.to_str().unwrap(), "--json", "listen", "orders", "--port", "0", "--secret-env", "HOOK_SECRET"]);
        let mut child = command.env("HOOK_SECRET", SECRET).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        // What it tells of each request is read away.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let url = first["url"].as_str().unwrap().to_owned();
        Self { child, address: url.strip_prefix("http://").unwrap().split_once('/').unwrap().0.to_owned() }
    }

    /// SIGKILL: whatever it was doing.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM: what it had taken is answered.
    fn stop(mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

/// Where the test fails in between.
impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a provider does: it sends each webhook until it is acknowledged, to where the name of the host leads just then.
#[derive(Default)]
struct Provider {
    addresses: RwLock<Vec<String>>,
    acknowledged: Mutex<HashSet<String>>,
    more: Condvar,
    repeated: AtomicUsize,
    ended: AtomicBool,
}

impl Provider {
    fn send_all(&self, sender: usize) {
        for number in 0.. {
            if self.ended.load(Ordering::Relaxed) {
                return;
            }
            let key = format!("evt_{sender}_{number}");
            let mut attempt = number;
            while !self.post(attempt, &key) {
                attempt += 1;
                thread::yield_now();
            }
            // An answer that was lost on the way: the same comes again, and perhaps to the other machine.
            if number % 5 == 0 && self.post(attempt + 1, &key) {
                self.repeated.fetch_add(1, Ordering::Relaxed);
            }
            self.acknowledged.lock().unwrap().insert(key);
            self.more.notify_all();
        }
    }

    /// Whether it was acknowledged. Whoever looks the name up gets one of the addresses.
    fn post(&self, attempt: usize, key: &str) -> bool {
        let address = {
            let addresses = self.addresses.read().unwrap();
            addresses[attempt % addresses.len()].clone()
        };
        let body = format!(r#"{{"id": "{key}"}}"#);
        let length = body.len();
        let request = format!(
            "POST /orders HTTP/1.1\r\nHost: {address}\r\nX-Webhook-Token: {SECRET}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let mut answer = String::new();
        let told = TcpStream::connect(&address).and_then(|mut stream| {
            stream.write_all(request.as_bytes())?;
            stream.read_to_string(&mut answer)
        });
        told.is_ok() && answer.starts_with("HTTP/1.1 2")
    }

    fn route(&self, receivers: &[&Receiver]) {
        *self.addresses.write().unwrap() = receivers.iter().map(|receiver| receiver.address.clone()).collect();
    }

    /// Waits until so many more were acknowledged.
    fn wait_for(&self, more: usize) {
        let acknowledged = self.acknowledged.lock().unwrap();
        let wanted = acknowledged.len() + more;
        drop(self.more.wait_while(acknowledged, |acknowledged| acknowledged.len() < wanted).unwrap());
    }
}

/// A worker's connection.
fn open(db: &Path) -> Store {
    Store::new(Connection::open(db).unwrap())
}

/// Handles some of what is due: their keys.
fn work(store: &Store) -> Vec<String> {
    store.claim("worker", 10, 600, &ClaimFilter::default(), system_now()).unwrap();
    let sql = "SELECT job_id, key FROM knocker_jobs WHERE worker = 'worker'";
    let mut jobs = store.conn().prepare_cached(sql).unwrap();
    let jobs: Vec<(i64, String)> = jobs.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap();
    let handle = |(job, key)| {
        store.handled(job, "worker", 1, system_now()).unwrap();
        key
    };
    jobs.into_iter().map(handle).collect()
}

/// Goes on until it is asked to end and nothing is left.
fn work_until(db: &Path, ended: &AtomicBool) -> Vec<String> {
    let store = open(db);
    let mut all = Vec::new();
    loop {
        let last = ended.load(Ordering::SeqCst);
        let handled = work(&store);
        match handled.is_empty() {
            true if last => return all,
            true => thread::yield_now(),
            false => all.extend(handled),
        }
    }
}

fn keys(db: &Path) -> HashSet<String> {
    let conn = Connection::open(db).unwrap();
    let mut keys = conn.prepare("SELECT key FROM knocker_events").unwrap();
    keys.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn on(db: &Path, args: &[&str]) -> Ran {
    knocker(&[&["--db", db.to_str().unwrap()], args].concat())
}

/// The rest of the old file, from the delivery on that the backup ends with.
fn export(from: &Path, after: &str, to: &Path) {
    std::fs::write(to, on(from, &["export", "--unredacted", "--outcome", "accepted,duplicate", "--after", after]).ok().stdout).unwrap();
}

#[test]
fn a_tenant_moves_while_it_receives_and_nothing_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let (old, new, backup, rest) = (path("old.db"), path("new.db"), path("backup.db"), path("rest.jsonl"));

    on(&old, &["init"]).ok();
    on(&old, &["endpoint", "add", "orders", "--provider", "token", "--option", "id_path=id"]).ok();
    let here = Receiver::start(&old);
    let provider = Arc::new(Provider::default());
    provider.route(&[&here]);
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let provider = provider.clone();
            thread::spawn(move || provider.send_all(sender))
        })
        .collect();
    provider.wait_for(30);

    // The worker of the old file ends for good, and its receiver goes on. It is killed, and comes again.
    let handled_here = work(&open(&old));
    assert!(!handled_here.is_empty());
    here.kill();
    let here = Receiver::start(&old);
    provider.route(&[&here]);
    provider.wait_for(10);

    // The file goes to the other machine.
    on(&old, &["backup", backup.to_str().unwrap()]).ok();
    let restored = on(&new, &["--json", "restore", backup.to_str().unwrap()]).ok().json();
    let after = restored["newest_delivery_id"].to_string();
    let moved = keys(&new);
    provider.wait_for(20);

    // There is a receiver and a worker there, and the name of the host leads to both machines for a while.
    let there = Receiver::start(&new);
    let ended = Arc::new(AtomicBool::new(false));
    let worker = thread::spawn({
        let (new, ended) = (new.clone(), ended.clone());
        move || work_until(&new, &ended)
    });
    provider.route(&[&here, &there]);
    provider.wait_for(20);
    there.kill();
    here.kill();
    let (here, there) = (Receiver::start(&old), Receiver::start(&new));
    provider.route(&[&here, &there]);
    provider.wait_for(20);

    // What the old file took meanwhile follows, while both receive. The import is killed once it has begun.
    export(&old, &after, &rest);
    let before = keys(&new);
    let lines: Vec<Value> = std::fs::read_to_string(&rest).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let key = |line: &Value| line["event_list"][0]["key"].as_str().unwrap().to_owned();
    let missing: HashSet<String> = lines.iter().map(key).filter(|key| !before.contains(key)).collect();
    assert!(!missing.is_empty(), "the old file took nothing after the backup");
    let mut import = command(&["--db", new.to_str().unwrap(), "import", rest.to_str().unwrap()]).stdout(Stdio::null()).spawn().unwrap();
    while import.try_wait().unwrap().is_none() && keys(&new).is_disjoint(&missing) {
        thread::yield_now();
    }
    import.kill().unwrap();
    import.wait().unwrap();
    on(&new, &["import", rest.to_str().unwrap()]).ok();

    // The name leads to the new machine alone. When the old one gets nothing any more its receiver ends, and the last of it follows.
    provider.route(&[&there]);
    provider.wait_for(20);
    here.stop();
    export(&old, &after, &rest);
    on(&new, &["import", rest.to_str().unwrap()]).ok();
    let again = on(&new, &["--json", "import", rest.to_str().unwrap()]).ok().json();
    assert_eq!((&again["events"], &again["duplicates"]), (&0.into(), &0.into()), "{again}");

    provider.ended.store(true, Ordering::Relaxed);
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    ended.store(true, Ordering::SeqCst);
    let handled_there = worker.join().unwrap();
    there.stop();

    let acknowledged = provider.acknowledged.lock().unwrap().clone();
    let conn = Connection::open(&new).unwrap();
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() as usize;
    let stored = keys(&new);
    let lost: Vec<&String> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), acknowledged.len());
    assert_eq!(count("SELECT count(*) FROM knocker_events"), stored.len());
    assert_eq!(count("SELECT count(*) FROM knocker_events WHERE status = 'handled'"), stored.len());
    let mut handled: Vec<&String> = handled_here.iter().chain(&handled_there).collect();
    handled.sort();
    let times = handled.len();
    handled.dedup();
    assert_eq!((times, handled.len()), (stored.len(), stored.len()), "an event was handled twice, or not");
    // Each way was gone: with the file, by an import, at the new machine, and by a retry that reached the other one.
    assert!(
        moved.len() > handled_here.len() && stored.len() > moved.len() + missing.len() && provider.repeated.load(Ordering::Relaxed) > 0
    );
}
