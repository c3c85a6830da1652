//! `knocker compact`: the file gets smaller, and nothing else happens to it.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use knocker_core::claim::ClaimFilter;
use knocker_core::ingest::IngestFields;
use knocker_core::store::system_now;
use knocker_core::{Code, Store};
use rusqlite::Connection;
use serde_json::json;

use crate::doctor::findings;
use crate::support::{Inbox, command, knocker};

/// Fills a table of the application, and takes most of it out again: rows that stay stand behind pages that are free.
const FILLER: &str = "
    CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, note BLOB);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
      INSERT INTO orders SELECT i, 'order ' || i, CAST(printf('%.*c', 3000 + i, 'x') AS BLOB) FROM n;
    DELETE FROM orders WHERE id % 8 <> 0;";

/// An inbox with events of its own and more than ten megabytes free.
fn with_free_pages() -> Inbox {
    let inbox = Inbox::with_events();
    inbox.receive_many(200);
    inbox.store.conn().execute_batch(FILLER).unwrap();
    assert!(number(inbox.store.conn(), "freelist_count") > 2500);
    inbox
}

/// The same in a file that can give them back while it is in use.
fn incremental() -> Inbox {
    let inbox = Inbox::with_events();
    inbox.knocker(&["compact", "--rewrite", "--yes"]).ok();
    inbox.receive_many(200);
    inbox.store.conn().execute_batch(FILLER).unwrap();
    assert_eq!(number(inbox.store.conn(), "auto_vacuum"), 2);
    inbox
}

fn number(conn: &Connection, pragma: &str) -> i64 {
    // `auto_vacuum` is what the connection read last.
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).unwrap();
    conn.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0)).unwrap()
}

fn open(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    conn.busy_timeout(Duration::from_secs(60)).unwrap();
    conn
}

fn length(inbox: &Inbox) -> u64 {
    fs::metadata(inbox.path("inbox.db")).unwrap().len()
}

/// Every row of every table and index, with its rowid where it has one.
fn contents(conn: &Connection) -> Vec<String> {
    let tables =
        "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name <> 'sqlite_schema' ORDER BY name";
    let mut statement = conn.prepare(tables).unwrap();
    let tables: Vec<(String, bool)> = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    let mut all = Vec::new();
    for (table, without_rowid) in tables {
        let columns = if without_rowid { "*" } else { "rowid, *" };
        let mut statement = conn.prepare(&format!("SELECT {columns} FROM \"{table}\"")).unwrap();
        let width = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<_> = (0..width).map(|index| row.get_ref(index).unwrap()).collect();
            all.push(format!("{table}: {values:?}"));
        }
    }
    all
}

#[track_caller]
fn is_sound(conn: &Connection) {
    let said: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(said, "ok");
}

#[test]
fn an_incremental_file_gets_as_small_as_its_rows_which_stay_what_they_are() {
    let inbox = incremental();
    inbox.store.conn().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let (before, rows) = (length(&inbox), contents(inbox.store.conn()));
    let dry = inbox.knocker(&["--json", "compact", "--dry-run"]).ok().json();
    assert_eq!((&dry["dry_run"], length(&inbox)), (&json!(true), before));
    let done = inbox.knocker(&["--json", "compact"]).ok().json();
    let after = length(&inbox);
    assert_eq!((&done["bytes_before"], &done["given_back"]), (&json!(before), &json!(before - after)));
    assert!(after < before / 3, "{before} {after}");
    assert_eq!(number(inbox.store.conn(), "freelist_count"), 0);
    is_sound(inbox.store.conn());
    assert!(contents(inbox.store.conn()) == rows);
    let again = inbox.knocker(&["compact"]).ok().stdout;
    assert_eq!(again, "nothing is free; nothing was given back\n");
}

/// What moves is twice as much as the log may hold.
#[test]
fn the_log_stays_small_however_much_moves() {
    let inbox = incremental();
    let more = FILLER.replace("orders", "more").replace("i < 4000", "i < 6000").replace("id % 8 <> 0", "id < 4500");
    inbox.store.conn().execute_batch(&more).unwrap();
    inbox.store.conn().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    inbox.knocker(&["compact"]).ok();
    let log = fs::metadata(inbox.path("inbox.db-wal")).unwrap().len();
    // A thousand frames that are not copied yet, and a transaction of 512 pages with the pages that point at them.
    assert!(log < (1000 + 2 * 512) * 4120, "{log}");
}

#[test]
fn another_file_is_left_alone_until_somebody_wants_it_rewritten() {
    let inbox = with_free_pages();
    let rows = contents(inbox.store.conn());
    inbox.knocker(&["compact"]).fails(1, "auto_vacuum is off", "compact --rewrite --dry-run");
    inbox.knocker(&["compact", "--dry-run"]).fails(1, "auto_vacuum is off", "compact --rewrite");
    inbox.knocker(&["compact", "--rewrite"]).fails(2, "no terminal to ask on", "--yes");
    let dry = inbox.knocker(&["compact", "--rewrite", "--dry-run"]).ok().stdout;
    assert!(dry.starts_with("dry run: ") && dry.contains("writers would wait for about 1 second, and "), "{dry}");
    assert_eq!(number(inbox.store.conn(), "auto_vacuum"), 0);
    assert!(contents(inbox.store.conn()) == rows);
}

#[test]
fn a_rewrite_keeps_every_row_and_gives_its_own_room_back() {
    let inbox = with_free_pages();
    inbox.store.conn().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let (before, rows) = (length(&inbox), contents(inbox.store.conn()));
    let done = inbox.knocker(&["--json", "compact", "--rewrite", "--yes"]).ok().json();
    assert_eq!((&done["rewritten"], &done["rowids_may_change"]), (&json!(true), &json!([])));
    assert_eq!(done["given_back"], json!(before - length(&inbox)));
    assert!(length(&inbox) < before / 3);
    assert_eq!(fs::metadata(inbox.path("inbox.db-wal")).unwrap().len(), 0);
    is_sound(inbox.store.conn());
    assert!(contents(inbox.store.conn()) == rows);
    // From then on it needs none.
    inbox.store.conn().execute_batch("DELETE FROM orders").unwrap();
    let smaller = inbox.knocker(&["--json", "compact", "--rewrite", "--yes"]).ok().json();
    assert_eq!(smaller["rewritten"], json!(false));
    assert!(smaller["given_back"].as_i64().unwrap() > 1 << 20, "{smaller}");
    // Ids go on where they were.
    let id = inbox.receive(r#"{"id": "later", "type": "order.created"}"#, 0);
    assert_eq!(id, Some(205));
}

#[test]
fn tables_whose_rowids_a_rewrite_may_change_are_named_before_it() {
    let inbox = with_free_pages();
    inbox
        .store
        .conn()
        .execute_batch(
            "CREATE TABLE plain (note TEXT); CREATE TABLE \"by name\" (name TEXT PRIMARY KEY);
             CREATE TABLE pairs (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID; CREATE VIEW seen AS SELECT * FROM plain;
             CREATE VIRTUAL TABLE words USING fts5 (word);
             INSERT INTO plain (rowid, note) VALUES (7, 'seven'); INSERT INTO words VALUES ('found')",
        )
        .unwrap();
    let told = inbox.knocker(&["compact", "--rewrite", "--dry-run"]).ok().stdout;
    assert!(told.contains("rows of by name, plain may get other rowids: they have no INTEGER PRIMARY KEY"), "{told}");
    let done = inbox.knocker(&["--json", "compact", "--rewrite", "--yes"]).ok().json();
    assert_eq!(done["rowids_may_change"], json!(["by name", "plain"]));
    let found = "SELECT count(*) FROM words WHERE words MATCH 'found'";
    assert_eq!(inbox.store.conn().query_row(found, [], |row| row.get::<_, i64>(0)), Ok(1));
}

/// Ends what runs beside a command also where that is not what it should be: the test would wait for it for ever.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Receives and handles beside the command until it has ended. Whoever finds the file locked tries again, as senders and workers do.
fn under_load(inbox: &Inbox, run: impl FnOnce()) {
    let done = AtomicBool::new(false);
    let handled = AtomicBool::new(false);
    let path = inbox.path("inbox.db");
    let again = |work: &dyn Fn() -> knocker_core::Result<i64>| loop {
        match work() {
            Err(error) if error.code() == Code::Busy => {}
            result => return result.unwrap(),
        }
    };
    let received = thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let store = Store::new(open(&path));
            let mut received = 0;
            while !done.load(Ordering::Relaxed) || received < 50 {
                let key = format!(r#"{{"valid": true, "type": "order.created", "key": "under_load_{received}"}}"#);
                let fields = IngestFields::parse(&key).unwrap();
                let body = vec![b'x'; 200 + received % 9000];
                again(&|| Ok(store.ingest("orders", &fields, &body, system_now())?.event_id.unwrap()));
                received += 1;
            }
            handled.store(true, Ordering::Relaxed);
            received
        });
        scope.spawn(|| {
            let store = Store::new(open(&path));
            loop {
                let last = handled.load(Ordering::Relaxed);
                let claimed = again(&|| store.claim("w", 10, 3600, &ClaimFilter::default(), system_now()));
                if claimed == 0 && last {
                    break;
                }
                let jobs: Vec<i64> = {
                    let mut statement = store.conn().prepare("SELECT job_id FROM knocker_jobs WHERE worker = 'w'").unwrap();
                    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
                };
                for job in jobs {
                    again(&|| store.handled(job, "w", 1, system_now()).map(|_| 0));
                }
            }
        });
        let ends = Ends(&done);
        run();
        drop(ends);
        receiver.join().unwrap()
    });
    let sql =
        "SELECT count(*), count(*) FILTER (WHERE status = 'handled' AND attempts = 1) FROM knocker_events WHERE key GLOB 'under_load_*'";
    let counted = inbox.store.conn().query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap();
    assert_eq!(counted, (received as i64, received as i64));
    is_sound(inbox.store.conn());
    assert_eq!(findings(&inbox.knocker(&["--json", "doctor"])).iter().filter(|finding| finding["severity"] == "error").count(), 0);
}

#[test]
fn receipts_and_a_worker_go_on_while_room_is_given_back() {
    let inbox = incremental();
    let before = length(&inbox);
    under_load(&inbox, || {
        let compacted = inbox.knocker(&["compact"]);
        // Writers that are never away for long may keep the file from getting smaller yet.
        if compacted.code != 4 {
            assert!(compacted.ok().stdout.starts_with("gave back "));
        }
    });
    inbox.knocker(&["compact"]).ok();
    assert_eq!(number(inbox.store.conn(), "freelist_count"), 0);
    assert!(length(&inbox) < before);
}

#[test]
fn receipts_and_a_worker_go_on_after_a_rewrite_under_their_hands() {
    let inbox = with_free_pages();
    under_load(&inbox, || {
        // It waits five seconds for the lock, which a machine that is busy otherwise may not give it.
        while inbox.knocker(&["compact", "--rewrite", "--yes"]).code == 4 {}
    });
    assert_eq!(number(inbox.store.conn(), "auto_vacuum"), 2);
}

fn spawn(inbox: &Inbox, args: &[&str]) -> Child {
    let db = inbox.path("inbox.db");
    let all = [&["--db", db.to_str().unwrap()], args].concat();
    command(&all).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn killed_in_the_middle_it_leaves_a_sound_file_and_the_next_run_finishes() {
    let inbox = incremental();
    let rows = contents(inbox.store.conn());
    let conn = inbox.store.conn();
    let mut left = number(conn, "freelist_count");
    for _ in 0..3 {
        let mut child = spawn(&inbox, &["compact"]);
        while number(conn, "freelist_count") == left && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        is_sound(conn);
        assert!(contents(conn) == rows);
        left = number(conn, "freelist_count");
    }
    inbox.knocker(&["compact"]).ok();
    assert_eq!(number(conn, "freelist_count"), 0);
    assert_eq!(length(&inbox) as i64, number(conn, "page_count") * number(conn, "page_size"));
    is_sound(conn);
    assert!(contents(conn) == rows);
}

#[test]
fn a_rewrite_that_is_killed_leaves_the_file_as_it_was_or_done() {
    let inbox = with_free_pages();
    let rows = contents(inbox.store.conn());
    let log = || fs::metadata(inbox.path("inbox.db-wal")).map_or(0, |log| log.len());
    inbox.store.conn().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut child = spawn(&inbox, &["compact", "--rewrite", "--yes"]);
    // Its pages are on their way into the log.
    while log() == 0 && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    is_sound(inbox.store.conn());
    assert!(contents(inbox.store.conn()) == rows);
    inbox.receive(r#"{"id": "after", "type": "order.created"}"#, 0).unwrap();
    inbox.knocker(&["compact", "--rewrite", "--yes"]).ok();
    assert_eq!((number(inbox.store.conn(), "auto_vacuum"), number(inbox.store.conn(), "freelist_count")), (2, 0));
    is_sound(inbox.store.conn());
}

#[test]
fn a_file_that_somebody_writes_to_is_not_rewritten() {
    let inbox = with_free_pages();
    inbox.store.conn().execute_batch("BEGIN IMMEDIATE").unwrap();
    inbox.knocker(&["compact", "--rewrite", "--yes"]).fails(4, "locked", "Try again");
    inbox.store.conn().execute_batch("COMMIT").unwrap();
    assert_eq!(number(inbox.store.conn(), "auto_vacuum"), 0);
}

#[test]
fn an_index_that_only_the_application_can_make_is_told_of() {
    let inbox = with_free_pages();
    let conn = inbox.store.conn();
    let rows = contents(conn);
    // As an application leaves it whose connections have a collation of their own.
    conn.execute_batch(
        "CREATE INDEX orders_note ON orders (number COLLATE NOCASE);
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, 'NOCASE', 'SPOKEN') WHERE name = 'orders_note';
         PRAGMA writable_schema = RESET;",
    )
    .unwrap();
    let refused = inbox.knocker(&["compact", "--rewrite", "--yes"]);
    refused.fails(1, "no such collation sequence: SPOKEN", "On a connection of the application, which has it");
    assert_eq!(number(conn, "auto_vacuum"), 0);
    assert!(contents(conn) == rows);
}

#[test]
fn who_reads_an_older_state_is_named_and_the_next_run_after_it_finishes() {
    let inbox = incremental();
    inbox.store.conn().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let before = length(&inbox);
    let reader = open(&inbox.path("inbox.db"));
    reader.execute_batch("BEGIN; SELECT count(*) FROM knocker_events").unwrap();
    let who = if cfg!(target_os = "linux") { format!("({})", std::process::id()) } else { "a reader".into() };
    inbox.knocker(&["compact"]).fails(4, &who, "End that read");
    assert_eq!(length(&inbox), before);
    reader.execute_batch("COMMIT").unwrap();
    let done = inbox.knocker(&["--json", "compact"]).ok().json();
    assert_eq!(done["given_back"], json!(before - length(&inbox)));
    assert!(length(&inbox) < before / 3);
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_it_between_two_transactions_and_the_same_command_goes_on() {
    let inbox = incremental();
    let conn = inbox.store.conn();
    let free = number(conn, "freelist_count");
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut child = spawn(&inbox, &["compact"]);
    while !crate::progress::listens(child.id()) {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        thread::yield_now();
    }
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    conn.execute_batch("COMMIT").unwrap();
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{stdout}{stderr}");
    assert!(stdout.starts_with("gave back ") && stderr.contains("hint: Run the same command again"), "{stdout}{stderr}");
    let left = number(conn, "freelist_count");
    assert!(left > 0 && left < free, "{left} of {free}");
    inbox.knocker(&["compact"]).ok();
    assert_eq!(number(conn, "freelist_count"), 0);
}

#[test]
fn a_file_without_the_schema_is_refused_and_not_touched() {
    let inbox = Inbox::empty();
    let other = inbox.path("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE a (b); DROP TABLE a").unwrap();
    let before = fs::read(&other).unwrap();
    for more in [&["compact"][..], &["compact", "--rewrite", "--yes"]] {
        knocker(&[&["--db", other.to_str().unwrap()], more].concat()).fails(3, "no Knocker schema", "knocker init");
    }
    assert!(fs::read(&other).unwrap() == before);
    knocker(&["--db", inbox.path("none.db").to_str().unwrap(), "compact"]).fails(3, "no database file", "correct the path");
}

#[test]
fn of_many_files_those_that_can_are_compacted_and_the_others_named() {
    let (inbox, other) = (incremental(), with_free_pages());
    for (from, name) in [(&inbox, "many-a.db"), (&other, "many-b.db")] {
        from.store.conn().execute("VACUUM INTO ?1", [inbox.path(name).to_str().unwrap()]).unwrap();
        let conn = Connection::open(inbox.path(name)).unwrap();
        conn.execute_batch("PRAGMA journal_mode = WAL; DELETE FROM orders").unwrap();
    }
    let pattern = inbox.path("many-*.db");
    let all = |args: &[&str]| knocker(&[&["--db", pattern.to_str().unwrap()], args].concat());
    let ran = all(&["compact"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stdout.contains("many-a.db: gave back ") && ran.stderr.contains("many-b.db: "), "{}{}", ran.stdout, ran.stderr);
    let rewritten = all(&["--json", "compact", "--rewrite", "--yes"]).ok().json();
    assert_eq!((&rewritten["total"]["rewritten"], &rewritten["total"]["databases"]), (&json!(true), &json!(2)));
    assert_eq!(all(&["compact"]).ok().stdout, "nothing is free; nothing was given back\n");
}

/// Runs a script on a small file system of its own in memory, where mounting is permitted.
#[cfg(target_os = "linux")]
fn on_a_small_disk(inbox: &Inbox, megabytes: u32, script: &str) -> Option<std::process::Output> {
    let folder = inbox.path("small");
    fs::create_dir(&folder).unwrap();
    // All of it is in the file then, and none in the log.
    inbox.store.conn().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let (folder, file, program) = (folder.display(), inbox.path("inbox.db").display().to_string(), env!("CARGO_BIN_EXE_knocker"));
    let script = format!(
        "mount -t tmpfs -o size={megabytes}m none {folder} && cp {file} {folder} && cd {folder} && knocker() {{ {program} --db inbox.db \"$@\"; }}\n{script}"
    );
    let output = std::process::Command::new("unshare").args(["-rm", "sh", "-c", &script]).output().unwrap();
    if output.stdout.is_empty() {
        println!("mounting is not permitted here: {}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    Some(output)
}

#[cfg(target_os = "linux")]
#[test]
fn without_the_room_for_it_nothing_is_rewritten() {
    let inbox = with_free_pages();
    let script =
        "knocker compact --rewrite --yes; echo code $?; knocker compact --rewrite --dry-run; echo code $?; ls; knocker doctor --integrity";
    let Some(output) = on_a_small_disk(&inbox, 32, script) else { return };
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(stdout.matches("code 4\n").count(), 2, "{stdout}{stderr}");
    assert!(stderr.contains("error: a rewrite takes ") && stderr.contains("on the disk of the file"), "{stderr}");
    assert!(!stdout.contains("damaged"), "{stdout}");
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_it_fails_and_leaves_a_sound_file_which_a_later_run_compacts() {
    let inbox = incremental();
    let rows = contents(inbox.store.conn());
    let kept = inbox.path("kept");
    fs::create_dir(&kept).unwrap();
    // Enough for the index of the log, and for little of the log.
    let script = format!(
        "head -c 100000 /dev/zero >little; cat /dev/zero >full 2>/dev/null; rm little; knocker compact; echo code $?; rm full
         cp inbox.db* {}; knocker compact",
        kept.display()
    );
    let Some(output) = on_a_small_disk(&inbox, 40, &script) else { return };
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("code 4\ngave back "), "{stdout}{stderr}");
    assert!(stderr.contains("hint: Free space on the disk"), "{stderr}");
    let conn = Connection::open(kept.join("inbox.db")).unwrap();
    is_sound(&conn);
    assert!(contents(&conn) == rows);
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_given_back_before_the_disk_was_full_is_told_and_not_denied() {
    let inbox = incremental();
    // Enough for the log of the first transaction.
    let script = "head -c 2000000 /dev/zero >some; cat /dev/zero >full 2>/dev/null; rm some; knocker compact; echo code $?; rm full; knocker compact";
    let Some(output) = on_a_small_disk(&inbox, 40, script) else { return };
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(stdout.starts_with("gave back ") && stdout.contains("\ncode 4\ngave back "), "{stdout}{stderr}");
    assert!(stderr.contains("hint: Free space on the disk, then run the same command again"), "{stderr}");
    assert!(!stderr.contains("Nothing was written"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_read_only_file_system_it_says_so() {
    let inbox = incremental();
    let script = "mount -o remount,ro .; knocker compact; echo code $?";
    let Some(output) = on_a_small_disk(&inbox, 40, script) else { return };
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(stdout, "code 4\n");
    assert!(stderr.starts_with("error: unable to open database file\nhint: "), "{stderr}");
}
