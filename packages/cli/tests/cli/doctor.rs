//! What `knocker doctor` tells of the file, its log and the processes on it.

use std::fs;

use knocker_core::schema::VERSION;
use rusqlite::Connection;
use serde_json::Value;

use crate::support::{HOUR, Inbox, Ran, knocker};

/// The codes of the machine that the tests run on, which differ.
const MACHINE: [&str; 6] =
    ["network_file_system", "memory_file_system", "container_file_system", "read_only_file_system", "disk_full", "disk_filling"];

/// What the doctor found, but for the machine.
pub fn findings(ran: &Ran) -> Vec<Value> {
    let found = ran.json()["findings"].as_array().unwrap().clone();
    found.into_iter().filter(|finding| !MACHINE.contains(&finding["code"].as_str().unwrap())).collect()
}

/// The one finding, which has this code and severity and says this.
#[track_caller]
pub fn only(ran: &Ran, code: &str, severity: &str, what: &str, cure: &str) {
    let found = findings(ran);
    assert_eq!(found.len(), 1, "{found:#?}");
    has(&found[0], code, severity, what, cure);
}

#[track_caller]
pub fn has(finding: &Value, code: &str, severity: &str, what: &str, cure: &str) {
    assert_eq!((&finding["code"], &finding["severity"]), (&code.into(), &severity.into()), "{finding:#}");
    assert!(finding["what"].as_str().unwrap().contains(what), "{finding:#}");
    assert!(finding["cure"].as_str().unwrap().contains(cure), "{finding:#}");
}

pub fn doctor(inbox: &Inbox) -> Ran {
    inbox.knocker(&["--json", "doctor"])
}

#[test]
fn a_healthy_inbox_is_told_to_be_so_and_stays_as_it_is() {
    let inbox = Inbox::with_orders();
    let first = inbox.receive(r#"{"id": "evt_1", "type": "order.created"}"#, HOUR / 60);
    assert_eq!(first, Some(1));
    let before = fs::read(inbox.path("inbox.db-wal")).unwrap();
    let ran = doctor(&inbox);
    assert_eq!(findings(&ran), [] as [Value; 0]);
    assert_eq!(ran.stderr, "");
    let facts = &ran.json()["facts"];
    assert_eq!(facts["schema"], format!("version {VERSION}; the file was last written by SQLite {}", rusqlite::version()));
    // What is still in the log is told as a part of the whole, which the pages add up to.
    let told = facts["size"].as_str().unwrap();
    assert!(told.contains("pages of 4096 bytes") && told.ends_with("of it in the file, the rest in the log"), "{facts:#}");
    let (whole, pages) = told.split_once(" KiB (").unwrap();
    let pages = pages.split_once(" pages").unwrap().0.parse::<f64>().unwrap();
    assert_eq!(whole.parse::<f64>().unwrap(), pages * 4.0, "{facts:#}");
    assert_eq!(fs::read(inbox.path("inbox.db-wal")).unwrap(), before);
}

#[test]
fn a_repair_of_nothing_says_that_there_is_no_backup() {
    let inbox = Inbox::with_orders();
    let ran = inbox.knocker(&["doctor", "--repair"]);
    assert!(ran.stdout.contains("no backup was made, and nothing was changed"), "{}", ran.stdout);
    assert_eq!(
        fs::read_dir(inbox.path(""))
            .unwrap()
            .filter(|file| file.as_ref().unwrap().path().to_string_lossy().contains("before-repair"))
            .count(),
        0
    );
}

#[test]
fn a_log_that_a_killed_process_left_is_not_touched() {
    let inbox = Inbox::with_orders();
    for suffix in ["", "-wal"] {
        fs::copy(inbox.path(&format!("inbox.db{suffix}")), inbox.path(&format!("left.db{suffix}"))).unwrap();
    }
    let left = || (fs::read(inbox.path("left.db")).unwrap(), fs::read(inbox.path("left.db-wal")).unwrap());
    let before = left();
    let ran = knocker(&["--db", inbox.path("left.db").to_str().unwrap(), "--json", "doctor"]);
    assert_eq!(findings(&ran), [] as [Value; 0]);
    assert_eq!(left(), before);
}

#[test]
fn a_person_reads_code_and_cure_and_a_program_the_exit_code() {
    let inbox = Inbox::with_orders();
    inbox.store.conn().execute_batch("DROP TRIGGER _knocker_job_moved; DROP INDEX _knocker_events_dead").unwrap();
    let ran = inbox.knocker(&["doctor"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (11, ""));
    let told = "error objects_missing\n  missing of the schema, without rows of their own: _knocker_events_dead, _knocker_job_moved\n  -> Put them back: ";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    only(&doctor(&inbox), "objects_missing", "error", "_knocker_job_moved", "doctor --repair");

    let dry = inbox.knocker(&["--json", "doctor", "--repair", "--dry-run"]);
    assert_eq!((dry.code, &dry.json()["would_repair"]), (11, &serde_json::json!(["objects_missing"])));
    let repaired = inbox.knocker(&["--json", "doctor", "--repair", "--backup-to", inbox.path("before.db").to_str().unwrap()]);
    assert_eq!(repaired.json()["repaired"], serde_json::json!(["objects_missing"]));
    assert_eq!(findings(&repaired), [] as [Value; 0]);
    assert!(inbox.path("before.db").exists());
}

#[test]
fn a_dropped_table_is_named_and_not_made_up_by_a_repair() {
    let inbox = Inbox::with_events();
    inbox.store.conn().execute_batch("DROP TABLE _knocker_attempts").unwrap();
    for command in [&["--json", "doctor"][..], &["--json", "doctor", "--repair"]] {
        let ran = inbox.knocker(command);
        assert_eq!(ran.code, 11);
        only(&ran, "tables_missing", "error", "_knocker_attempts", "restore BACKUP");
    }
}

#[test]
fn other_files_and_other_versions_are_told_apart() {
    let inbox = Inbox::with_orders();
    let of = |name: &str| knocker(&["--db", inbox.path(name).to_str().unwrap(), "--json", "doctor"]);
    fs::write(inbox.path("text.db"), "these are no pages of a database, however long the text is".repeat(100)).unwrap();
    only(&of("text.db"), "unreadable", "error", "not a database", "restore BACKUP");
    Connection::open(inbox.path("other.db")).unwrap().execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").unwrap();
    only(&of("other.db"), "no_schema", "error", "no schema of Knocker", "init");
    of("nowhere.db").fails(3, "no database file", "init");

    let versions = |sql: &str| inbox.store.conn().execute_batch(sql).unwrap();
    versions(&format!("INSERT INTO _knocker_schema VALUES ({}, 0)", VERSION + 1));
    only(&doctor(&inbox), "schema_newer", "error", "newer Knocker", "Upgrade");
    versions(&format!("DELETE FROM _knocker_schema WHERE version >= {VERSION}"));
    only(&doctor(&inbox), "schema_older", "error", &format!("version {}", VERSION - 1), "init");
}

#[test]
fn damaged_pages_are_found_by_the_long_check() {
    let inbox = Inbox::with_orders();
    inbox.receive_many(200);
    let damaged = inbox.path("damaged.db");
    inbox.store.conn().execute_batch(&format!("VACUUM INTO '{}'", damaged.display())).unwrap();
    assert_eq!(inbox.knocker(&["--json", "doctor", "--integrity"]).json()["repaired"], serde_json::json!([]));
    let conn = Connection::open(&damaged).unwrap();
    conn.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = '_knocker_deliveries'";
    let root = conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() as usize;
    conn.close().unwrap();
    let mut bytes = fs::read(&damaged).unwrap();
    // The first child of the root says that it is of no kind that there is.
    let child = u32::from_be_bytes(bytes[(root - 1) * 4096 + 8..(root - 1) * 4096 + 12].try_into().unwrap()) as usize;
    bytes[(child - 1) * 4096] = 0xee;
    fs::write(&damaged, bytes).unwrap();
    let ran = knocker(&["--db", damaged.to_str().unwrap(), "--json", "doctor", "--integrity"]);
    let found = findings(&ran);
    assert_eq!(ran.code, 11);
    has(&found[0], "damaged", "error", "damaged in", ".recover");
}

#[test]
fn a_journal_other_than_wal_is_told() {
    let inbox = Inbox::with_orders();
    let mode: String = inbox.store.conn().query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
    let ran = doctor(&inbox);
    assert_eq!(ran.code, 10);
    only(&ran, "not_wal", "warning", "delete", "journal_mode = WAL");
}

/// Fills the log with this many pages and leaves it there.
fn fill_log(conn: &Connection, pages: i64) {
    conn.execute_batch("PRAGMA wal_autocheckpoint = 0; CREATE TABLE IF NOT EXISTS filler (bytes BLOB)").unwrap();
    conn.execute("INSERT INTO filler VALUES (randomblob(?1))", [pages * 4096]).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_that_holds_the_log_is_named() {
    let inbox = Inbox::with_orders();
    let reader = Connection::open(inbox.path("inbox.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM _knocker_events").unwrap();
    fill_log(inbox.store.conn(), 1500);
    let ran = doctor(&inbox);
    assert_eq!(ran.code, 10);
    let id = std::process::id();
    only(&ran, "wal_held", "warning", &format!("({id}) reads a state of the file"), &format!("kill {id}"));
    assert!(ran.json()["facts"]["open_in"].as_str().unwrap().contains(&format!("({id})")));
}

#[test]
fn a_log_that_nobody_checkpoints_is_copied_into_the_file_by_a_repair() {
    let inbox = Inbox::with_orders();
    fill_log(inbox.store.conn(), 12_000);
    only(&doctor(&inbox), "wal_not_checkpointed", "warning", "no process runs checkpoints", "doctor --repair");
    let repaired = inbox.knocker(&["--json", "doctor", "--repair"]);
    assert_eq!((repaired.code, findings(&repaired)), (0, vec![]), "{}", repaired.stdout);
    assert_eq!(fs::metadata(inbox.path("inbox.db-wal")).unwrap().len(), 0);
}

#[test]
fn a_log_that_was_large_once_gives_its_room_back_but_not_beside_litestream() {
    let inbox = Inbox::with_orders();
    let log = || fs::metadata(inbox.path("inbox.db-wal")).unwrap().len();
    fill_log(inbox.store.conn(), 17_000);
    inbox.store.conn().execute_batch("PRAGMA wal_checkpoint(PASSIVE); DELETE FROM filler; VACUUM; PRAGMA wal_checkpoint(PASSIVE)").unwrap();
    fs::create_dir(inbox.path(".inbox.db-litestream")).unwrap();
    only(&doctor(&inbox), "wal_large", "note", "that large once", "doctor --repair");
    inbox.knocker(&["--json", "doctor", "--repair", "--backup-to", inbox.path("a.db").to_str().unwrap()]);
    assert!(log() > 64 << 20);
    fs::remove_dir(inbox.path(".inbox.db-litestream")).unwrap();
    inbox.knocker(&["--json", "doctor", "--repair", "--backup-to", inbox.path("b.db").to_str().unwrap()]);
    assert_eq!(log(), 0);
}

#[test]
fn free_pages_are_told() {
    let inbox = Inbox::with_orders();
    fill_log(inbox.store.conn(), 17_000);
    inbox.store.conn().execute_batch("DELETE FROM filler; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    only(&doctor(&inbox), "free_pages", "note", "are free pages", "compact --rewrite");
}

#[cfg(unix)]
#[test]
fn permissions_that_cannot_be_right_are_told() {
    use std::os::unix::fs::PermissionsExt;
    let inbox = Inbox::with_orders();
    let mode = |path: &str, mode: u32| fs::set_permissions(inbox.path(path), fs::Permissions::from_mode(mode)).unwrap();
    mode("inbox.db", 0o666);
    only(&doctor(&inbox), "world_writable", "warning", "mode 666", "chmod o-w");
    mode("inbox.db", 0o444);
    has(&findings(&doctor(&inbox))[0], "not_writable", "error", "the file", "chmod u+w");
    mode("inbox.db", 0o600);
    fs::hard_link(inbox.path("inbox.db"), inbox.path("second.db")).unwrap();
    only(&doctor(&inbox), "hard_links", "error", "2 names", "samefile");
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_on_a_file_that_was_replaced_is_named_with_a_way_to_save_its_rows() {
    let inbox = Inbox::with_orders();
    inbox.store.conn().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    // As an editor or a deploy replaces a file: another one gets the name.
    fs::copy(inbox.path("inbox.db"), inbox.path("new.db")).unwrap();
    fs::rename(inbox.path("new.db"), inbox.path("inbox.db")).unwrap();
    let found = findings(&doctor(&inbox));
    let id = std::process::id();
    has(&found[0], "file_replaced", "error", &format!("({id}) works on a file that was at this path"), &format!("cp /proc/{id}/fd/"));
}

/// A process that has the inbox open and has loaded these libraries. It ends with the test.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
struct Loaded(std::process::Child);

#[cfg(all(target_os = "linux", target_env = "gnu"))]
impl Loaded {
    fn with(inbox: &Inbox, libraries: &[&str]) -> Self {
        Self::on(inbox, "inbox.db", libraries)
    }

    fn on(inbox: &Inbox, database: &str, libraries: &[&str]) -> Self {
        let preload: Vec<String> = libraries.iter().map(|name| inbox.path(name).display().to_string()).collect();
        let mut sleep = std::process::Command::new("sleep");
        sleep.arg("600").stdin(fs::File::open(inbox.path(database)).unwrap()).env("LD_PRELOAD", preload.join(":"));
        let process = sleep.spawn().unwrap();
        let maps = || fs::read_to_string(format!("/proc/{}/maps", process.id())).unwrap();
        let since = std::time::Instant::now();
        // The loader maps them after the process was made.
        while !libraries.iter().all(|name| maps().contains(name)) {
            assert!(since.elapsed().as_secs() < 60, "{}", maps());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Self(process)
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
impl Drop for Loaded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A library under this name. Those of one `version` are copies of each other.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn library(inbox: &Inbox, name: &str, version: &[u8]) {
    // Any that can be loaded: what stands behind its end is read by nobody.
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let own = maps.lines().find_map(|line| Some(&line[line.find('/')?..]).filter(|path| path.contains("/libgcc_s.so"))).unwrap();
    fs::create_dir_all(inbox.path(name).parent().unwrap()).unwrap();
    fs::write(inbox.path(name), [&fs::read(own).unwrap(), version].concat()).unwrap();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn the_native_driver_of_elixir_is_no_library_of_knocker() {
    let inbox = Inbox::with_orders();
    library(&inbox, "libknocker.so", b"the library");
    for driver in [
        "libknocker_native.so",
        "libknocker_native-v0.1.0-nif-2.16-x86_64-unknown-linux-gnu.so",
        "libknocker_native.dylib",
        "libknocker_recorder.so",
    ] {
        library(&inbox, driver, b"the driver");
        let _process = Loaded::with(&inbox, &["libknocker.so", driver]);
        assert_eq!(findings(&doctor(&inbox)), [] as [Value; 0], "{driver}");
        // Built anew while the virtual machine runs.
        fs::remove_file(inbox.path(driver)).unwrap();
        assert_eq!(findings(&doctor(&inbox)), [] as [Value; 0], "{driver}");
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn copies_of_one_library_are_not_different_and_other_ones_are() {
    let inbox = Inbox::with_orders();
    for (name, version) in [("python/libknocker.so", "1"), ("ruby/libknocker.so", "1"), ("go/libknocker.so", "2")] {
        library(&inbox, name, version.as_bytes());
    }
    let _python = Loaded::with(&inbox, &["python/libknocker.so"]);
    let _ruby = Loaded::with(&inbox, &["ruby/libknocker.so"]);
    assert_eq!(findings(&doctor(&inbox)), [] as [Value; 0]);
    let go = Loaded::with(&inbox, &["go/libknocker.so"]);
    let ran = doctor(&inbox);
    only(&ran, "library_skew", "warning", "have loaded different libraries of Knocker: ", "knocker_version()");
    assert!(ran.stdout.contains("/go/libknocker.so") && ran.stdout.contains("/python/libknocker.so"), "{}", ran.stdout);
    fs::remove_file(inbox.path("go/libknocker.so")).unwrap();
    only(&doctor(&inbox), "library_skew", "warning", &format!("({}) runs a library of Knocker that was replaced", go.0.id()), "kill");
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_database_that_is_named_like_the_library_is_none() {
    let inbox = Inbox::empty();
    let path = inbox.path("knocker.db");
    knocker(&["--db", path.to_str().unwrap(), "init"]).ok();
    // A reader maps the index of the log.
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM _knocker_events").unwrap();
    assert!(fs::read_to_string("/proc/self/maps").unwrap().contains("/knocker.db-shm"));
    library(&inbox, "libknocker.so", b"");
    let _process = Loaded::on(&inbox, "knocker.db", &["libknocker.so"]);
    assert_eq!(findings(&knocker(&["--db", path.to_str().unwrap(), "--json", "doctor"])), [] as [Value; 0]);
}

/// On a small file system of its own in memory, where mounting is permitted.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_with_a_cure() {
    let inbox = Inbox::empty();
    let folder = inbox.path("small");
    fs::create_dir(&folder).unwrap();
    let (folder, program) = (folder.display(), env!("CARGO_BIN_EXE_knocker"));
    let knocker = format!("{program} --db {folder}/inbox.db");
    let script = format!("mount -t tmpfs -o size=8m none {folder} && {knocker} init >&2 && {knocker} --json doctor");
    let output = std::process::Command::new("unshare").args(["-rm", "sh", "-c", &script]).output().unwrap();
    if output.stdout.is_empty() {
        println!("mounting is not permitted here: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    assert_eq!(output.status.code(), Some(11));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    has(&found["findings"][0], "disk_full", "error", "the disk is full, or nearly: 7.", "prune events --older-than 30d --dry-run");
    has(&found["findings"][1], "memory_file_system", "warning", "tmpfs", "Move the file");
}

/// A command that is broken over two lines is two commands for who pastes it.
#[cfg(target_os = "linux")]
#[test]
fn on_a_narrow_terminal_a_cure_is_one_line() {
    let inbox = Inbox::with_events();
    let line = format!("stty cols 60 && {} --db {} doctor", env!("CARGO_BIN_EXE_knocker"), inbox.path("inbox.db").display());
    let output = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "dumb")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        shown.lines().any(|line| line.contains("-> ") && line.trim_end().ends_with("requeue --status dead --endpoint orders --dry-run")),
        "{shown}"
    );
    assert!(shown.lines().filter(|line| line.starts_with("synchronous")).all(|line| line.trim_end().chars().count() <= 60), "{shown}");
}
