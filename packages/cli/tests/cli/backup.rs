//! `knocker backup` and `knocker restore`.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use knocker_core::Store;
use rusqlite::Connection;
use serde_json::json;

use crate::support::{HOUR, Inbox, knocker};

fn count(conn: &Connection, table: &str) -> i64 {
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_backup_holds_what_is_in_the_log_and_is_one_file() {
    let inbox = Inbox::with_events();
    let to = inbox.path("copy.db");
    let said = inbox.knocker(&["backup", to.to_str().unwrap()]).ok().stdout;
    assert!(said.contains("copied, checked and synced"), "{said}");
    let names: Vec<_> = fs::read_dir(to.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.iter().filter(|name| name.to_string_lossy().contains("copy.db")).count(), 1, "{names:?}");
    assert_eq!(count(&Connection::open(&to).unwrap(), "knocker_events"), 4);
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&to).unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn a_backup_is_done_while_others_write_and_holds_one_moment() {
    let inbox = Inbox::with_orders();
    inbox.receive_many(3000);
    let (path, to) = (inbox.path("inbox.db"), inbox.path("copy.db"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let conn = Connection::open(&path).unwrap();
            conn.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
            conn.execute_batch("CREATE TABLE one (a); CREATE TABLE two (a)").unwrap();
            while !done.load(Ordering::Relaxed) {
                conn.execute_batch("BEGIN IMMEDIATE; INSERT INTO one VALUES (1); INSERT INTO two VALUES (1); COMMIT").unwrap();
            }
        });
        let ran = inbox.knocker(&["backup", to.to_str().unwrap()]);
        done.store(true, Ordering::Relaxed);
        ran.ok();
    });
    let conn = Connection::open(&to).unwrap();
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name IN ('one', 'two')", [], |row| row.get(0)).unwrap();
    if tables == 2 {
        assert_eq!(count(&conn, "one"), count(&conn, "two"));
    }
    assert_eq!(count(&conn, "_knocker_events"), 3000);
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_told_with_what_belonged_to_it() {
    let inbox = Inbox::with_events();
    let to = inbox.path("copy.db");
    fs::write(&to, "something else").unwrap();
    fs::write(inbox.path("copy.db-wal"), "its log").unwrap();
    let name = to.to_str().unwrap();
    inbox.knocker(&["backup", name]).fails(1, "is there already", "--overwrite");
    inbox.knocker(&["backup", name, "--dry-run"]).fails(1, "is there already", "--overwrite");
    assert!(inbox.knocker(&["backup", name, "--dry-run", "--overwrite"]).ok().stdout.contains("dry run: about"));
    assert_eq!(fs::read(&to).unwrap(), b"something else");
    assert_eq!(inbox.knocker(&["--json", "backup", name, "--overwrite"]).ok().json()["dry_run"], false);
    assert!(!inbox.path("copy.db-wal").exists());
    assert_eq!(count(&Connection::open(&to).unwrap(), "knocker_events"), 4);
}

#[test]
fn a_file_that_is_in_use_is_never_replaced_by_a_backup() {
    let inbox = Inbox::with_events();
    let names = ["inbox.db", "hard.db", "soft.db"].map(|name| inbox.path(name).to_str().unwrap().to_owned());
    fs::hard_link(&names[0], &names[1]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&names[0], &names[2]).unwrap();
    for name in if cfg!(unix) { &names[..] } else { &names[..1] } {
        inbox.knocker(&["backup", name, "--overwrite"]).fails(2, "is the file that is to be backed up", "another file");
        inbox.knocker(&["backup", name, "--overwrite", "--dry-run"]).fails(2, "is the file that is to be backed up", "another file");
        inbox.knocker(&["restore", name, "--overwrite"]).fails(2, "is the file itself", "Name the backup");
    }
    if cfg!(target_os = "linux") {
        let other = Inbox::with_orders();
        let to = other.path("inbox.db");
        let ran = inbox.knocker(&["backup", to.to_str().unwrap(), "--overwrite"]);
        ran.fails(1, &format!("({})", std::process::id()), "another file");
    }
    assert_eq!(count(inbox.store.conn(), "knocker_events"), 4);
    inbox.receive_many(1);
    assert_eq!(count(&Connection::open(&names[0]).unwrap(), "knocker_events"), 5);
}

#[test]
fn a_copy_that_cannot_be_made_leaves_nothing_behind() {
    let inbox = Inbox::with_events();
    inbox.knocker(&["backup", "/nowhere/copy.db"]).fails(1, "cannot write /nowhere/", "permissions");
    let page: i64 =
        inbox.store.conn().query_row("SELECT rootpage FROM sqlite_schema WHERE name = '_knocker_attempts'", [], |row| row.get(0)).unwrap();
    inbox.store.conn().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut bytes = fs::read(inbox.path("inbox.db")).unwrap();
    bytes[(page as usize - 1) * 4096] = 0xee;
    fs::write(inbox.path("inbox.db"), bytes).unwrap();
    let ran = inbox.knocker(&["backup", inbox.path("copy.db").to_str().unwrap()]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    let left = fs::read_dir(inbox.path("")).unwrap().filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("copy"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_backup_is_checked_without_a_database() {
    let inbox = Inbox::with_events();
    let to = inbox.path("copy.db");
    inbox.knocker(&["backup", to.to_str().unwrap()]).ok();
    let said = knocker(&["restore", "--check", to.to_str().unwrap()]).ok().stdout;
    let whole = format!("is whole: schema {}, 4 events, the newest delivery of ", knocker_core::schema::VERSION);
    assert!(said.contains(&whole), "{said}");
    assert_eq!(knocker(&["--json", "restore", "--check", to.to_str().unwrap()]).ok().json()["newest_delivery_id"], 4);
    fs::write(&to, "no database at all").unwrap();
    let name = to.to_str().unwrap();
    let damaged = format!("{name} is damaged: ");
    knocker(&["restore", "--check", name]).fails(1, &damaged, "another backup");
    inbox.knocker(&["restore", name, "--overwrite"]).fails(1, &damaged, "another backup");
    assert_eq!(knocker(&["restore", "--check", inbox.path("none.db").to_str().unwrap()]).code, 3);
}

#[test]
fn a_copy_of_a_file_in_use_is_no_backup_while_it_has_a_log() {
    let inbox = Inbox::with_events();
    let copy = inbox.path("copied.db");
    for suffix in ["", "-wal"] {
        fs::copy(inbox.path(&format!("inbox.db{suffix}")), inbox.path(&format!("copied.db{suffix}"))).unwrap();
    }
    assert!(fs::metadata(inbox.path("copied.db-wal")).unwrap().len() > 0);
    let name = copy.to_str().unwrap();
    knocker(&["restore", "--check", name]).fails(1, "copied.db-wal", "backup COPY");
    inbox.knocker(&["restore", name, "--overwrite"]).fails(1, "newest rows", "Nothing was changed");
    let whole = inbox.path("whole.db");
    knocker(&["--db", name, "backup", whole.to_str().unwrap()]).ok();
    assert!(knocker(&["restore", "--check", whole.to_str().unwrap()]).ok().stdout.contains("4 events"));
}

#[test]
fn leases_of_a_backup_are_released_and_cost_no_attempt() {
    let inbox = Inbox::with_orders();
    inbox.receive_many(5);
    let everything = knocker_core::claim::ClaimFilter::default();
    // One of them ran out long ago, as in a backup that is a day old.
    assert_eq!(inbox.store.claim("gone", 2, 60, &everything, inbox.now).unwrap(), 2);
    assert_eq!(inbox.store.claim("new", 1, 3600, &everything, inbox.now).unwrap(), 1);
    let (copy, to) = (inbox.path("copy.db"), inbox.path("app.db"));
    inbox.knocker(&["backup", copy.to_str().unwrap()]).ok();
    let restored = knocker(&["--db", to.to_str().unwrap(), "restore", copy.to_str().unwrap()]).ok().stdout;
    assert!(restored.contains("3 leases of workers of that time were released"), "{restored}");
    let store = Store::new(Connection::open(&to).unwrap());
    let later = inbox.now + 24 * HOUR;
    assert_eq!(store.claim("worker", 10, 60, &everything, later).unwrap(), 5);
    let attempts = "SELECT max(attempt) FROM knocker_jobs WHERE worker = 'worker'";
    assert_eq!(store.conn().query_row(attempts, [], |row| row.get::<_, i64>(0)), Ok(1));
    assert_eq!(count(store.conn(), "knocker_attempts"), 0);
}

#[test]
fn a_restored_file_gives_no_id_twice_and_keeps_the_former_file() {
    let inbox = Inbox::with_events();
    let (copy, to) = (inbox.path("copy.db"), inbox.path("app.db"));
    inbox.knocker(&["backup", copy.to_str().unwrap()]).ok();
    let restore = |more: &[&str]| knocker(&[&["--db", to.to_str().unwrap(), "restore", copy.to_str().unwrap()], more].concat());
    assert!(restore(&["--dry-run"]).ok().stdout.starts_with("dry run: would restore"));
    assert!(!to.exists());
    restore(&[]).ok();
    let store = Store::new(Connection::open(&to).unwrap());
    let mode: String = store.conn().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    let ids = |store: &Store| -> (i64, i64) {
        let fields = r#"{"valid": true, "type": "order.created", "key": "after"}"#;
        let fields = knocker_core::ingest::IngestFields::parse(fields).unwrap();
        let receipt = store.ingest("orders", &fields, b"{}", inbox.now).unwrap();
        (receipt.event_id.unwrap(), receipt.delivery_id.unwrap())
    };
    let (event, delivery) = ids(&store);
    assert!(event > 1_000_000 && delivery > 1_000_000, "{event} {delivery}");

    // While somebody has it open, it stays; then it is kept under another name.
    if cfg!(target_os = "linux") {
        restore(&["--overwrite"]).fails(1, &format!("({})", std::process::id()), "Stop these processes");
    }
    drop(store);
    restore(&[]).fails(1, "is there already", "--overwrite");
    let kept = restore(&["--overwrite", "--json"]).ok().json()["kept"].as_str().unwrap().to_owned();
    assert_eq!(count(&Connection::open(kept).unwrap(), "knocker_events"), 5);
    assert_eq!(count(&Connection::open(&to).unwrap(), "knocker_events"), 4);
    assert_eq!(restore(&["--overwrite", "--json", "--dry-run"]).ok().json()["dry_run"], json!(true));
    assert!(inbox.now > HOUR);
}
