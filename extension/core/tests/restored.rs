//! Files that other programs copied, restored or took apart: a plain `sqlite3` shell, and migration tools that drop what they do not know.

use std::path::Path;
use std::process::{Command, Stdio};

use knocker_core::claim::ClaimFilter;
use knocker_core::ingest::IngestFields;
use knocker_core::schema::VERSION;
use knocker_core::{Code, Store};
use rusqlite::Connection;
use tempfile::TempDir;

const NOW: i64 = 1_767_225_600_000;
const VIEWS: [&str; 5] = ["events", "deliveries", "attempts", "endpoints", "prunes"];

fn open(path: &Path) -> Store {
    Store::new(Connection::open(path).unwrap())
}

/// A file in WAL mode with rows of every kind, closed.
fn original(folder: &TempDir) -> std::path::PathBuf {
    let path = folder.path().join("original.db");
    let store = open(&path);
    store.conn().pragma_update(None, "journal_mode", "WAL").unwrap();
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema/v1.sql");
    store.conn().execute_batch(&std::fs::read_to_string(dump).unwrap()).unwrap();
    store.bootstrap(NOW).unwrap();
    path
}

/// What the `sqlite3` of this machine, which knows nothing of Knocker, says to these commands.
fn shell(database: &Path, commands: &[&str]) -> Result<String, String> {
    let done = Command::new("sqlite3").arg("-bail").arg(database).args(commands).output().expect("sqlite3 is there");
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.success() && told.is_empty() { Ok(String::from_utf8(done.stdout).unwrap()) } else { Err(told) }
}

fn read_into(database: &Path, sql: &str) {
    use std::io::Write;
    let mut child = Command::new("sqlite3").arg("-bail").arg(database).stdin(Stdio::piped()).spawn().expect("sqlite3 is there");
    child.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn objects(store: &Store) -> Vec<(String, String)> {
    let sql = "SELECT type, name FROM sqlite_schema ORDER BY type, name";
    let mut statement = store.conn().prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn counts(store: &Store) -> Vec<i64> {
    VIEWS.map(|view| store.conn().query_row(&format!("SELECT count(*) FROM knocker_{view}"), [], |row| row.get(0)).unwrap()).to_vec()
}

/// Receives under an id that was never used, and works on it.
fn works(store: &Store, ids: &mut Vec<i64>) {
    let fields = IngestFields::parse(r#"{"valid": true}"#).unwrap();
    store.endpoint("restored", "{}", NOW).unwrap();
    ids.push(store.ingest("restored", &fields, b"{}", NOW).unwrap().event_id.unwrap());
    let only = ClaimFilter::of(["restored"]);
    assert_eq!(store.claim("w", 1, 60, &only, NOW).unwrap(), 1);
    let job: i64 = store.conn().query_row("SELECT job_id FROM knocker_jobs WHERE worker = 'w'", [], |row| row.get(0)).unwrap();
    store.handled(job, "w", 1, NOW).unwrap();
    let integrity: String = store.conn().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
}

#[test]
fn what_a_plain_shell_copies_or_restores_is_whole() {
    let folder = TempDir::new().unwrap();
    let path = original(&folder);
    let at = |name: &str| folder.path().join(name);
    shell(&path, &[&format!(".backup '{}'", at("backup.db").display())]).unwrap();
    shell(&path, &[&format!("VACUUM INTO '{}'", at("vacuum.db").display())]).unwrap();
    read_into(&at("dump.db"), &shell(&path, &[".dump"]).unwrap());
    let mut names = vec!["backup", "vacuum", "dump"];
    // Some distributions build their shell without it.
    match shell(&path, &[".recover"]) {
        Ok(sql) => {
            read_into(&at("recover.db"), &sql);
            names.push("recover");
        }
        Err(told) => eprintln!("NOT TESTED HERE: .recover, because this sqlite3 cannot: {}", told.trim()),
    }
    let whole = open(&path);
    let mut ids = Vec::new();
    for name in names {
        let restored = open(&at(&format!("{name}.db")));
        assert_eq!(restored.bootstrap(NOW).unwrap(), VERSION, "{name}");
        assert_eq!((objects(&restored), counts(&restored)), (objects(&whole), counts(&whole)), "{name}");
        works(&restored, &mut ids);
    }
    works(&whole, &mut ids);
    ids.dedup();
    assert_eq!(ids.len(), 1, "each goes on with the same id: {ids:?}");
}

#[test]
fn a_dump_of_some_tables_is_told_which_are_missing() {
    let folder = TempDir::new().unwrap();
    let part = shell(&original(&folder), &[".dump _knocker_events _knocker_schema"]).unwrap();
    let path = folder.path().join("part.db");
    read_into(&path, &part);
    let error = open(&path).bootstrap(NOW).unwrap_err();
    assert_eq!(error.code(), Code::SchemaIncomplete);
    for table in ["_knocker_endpoints", "_knocker_deliveries", "_honker_live"] {
        assert!(error.message().contains(table), "{error}");
    }
    assert!(!error.message().contains("_knocker_events"), "{error}");
}

#[test]
fn where_a_migration_tool_dropped_every_table_bootstrap_makes_them_anew() {
    let folder = TempDir::new().unwrap();
    for prefixes in ["_knocker", "_knocker _honker"] {
        let store = open(&folder.path().join(format!("{prefixes}.db")));
        store.bootstrap(NOW).unwrap();
        let whole = objects(&store);
        let dropped = |name: &str| prefixes.split(' ').any(|prefix| name.starts_with(prefix));
        for (_, name) in whole.iter().filter(|(kind, name)| kind == "table" && dropped(name)) {
            store.conn().execute_batch(&format!("DROP TABLE {name}")).unwrap();
        }
        assert_eq!(store.bootstrap(NOW).unwrap(), VERSION, "{prefixes}");
        assert_eq!(objects(&store), whole, "{prefixes}");
        works(&store, &mut Vec::new());
    }
}

#[test]
fn the_loss_of_any_table_is_told_by_its_name() {
    let folder = TempDir::new().unwrap();
    let whole = open(&folder.path().join("whole.db"));
    whole.bootstrap(NOW).unwrap();
    let tables = objects(&whole).into_iter().filter(|(kind, name)| kind == "table" && name.starts_with("_knocker"));
    for (_, table) in tables {
        let store = open(&folder.path().join(format!("{table}.db")));
        store.bootstrap(NOW).unwrap();
        store.conn().execute_batch(&format!("DROP TABLE {table}")).unwrap();
        let error = store.bootstrap(NOW).unwrap_err();
        assert_eq!(error.code(), Code::SchemaIncomplete, "{table}: {error}");
        assert!(error.message().contains(&table), "{table}: {error}");
    }
}
