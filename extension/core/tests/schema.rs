//! Creating, upgrading and refusing files.
//!
//! `tests/schema/vN.sql` is a dump of a file that version N left (`sqlite3 FILE .dump`), with rows of every kind. It is made once, when a
//! version is released, and never edited.

use std::path::PathBuf;

use knocker_core::claim::ClaimFilter;
use knocker_core::operate::Action;
use knocker_core::schema::VERSION;
use knocker_core::{Code, Store};
use rusqlite::Connection;
use tempfile::TempDir;

const NOW: i64 = 1_767_225_600_000;

fn stored(version: i64) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/schema/v{version}.sql"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}: dump a file of that version", path.display()))
}

fn file(folder: &TempDir, name: &str) -> Store {
    Store::new(Connection::open(folder.path().join(name)).unwrap())
}

/// Every table, index, trigger and view, as text that ignores how its SQL is laid out.
fn objects(store: &Store) -> Vec<(String, String)> {
    let sql = "SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE name LIKE '%knocker%' OR name LIKE '%honker%' ORDER BY name";
    let mut statement = store.conn().prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
    rows.map(Result::unwrap).map(|(name, sql)| (name, sql.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

fn count(store: &Store, view: &str) -> i64 {
    store.conn().query_row(&format!("SELECT count(*) FROM {view}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_stored_file_of_every_version_upgrades_to_the_schema_of_a_new_one_and_works_on() {
    let folder = TempDir::new().unwrap();
    let new = file(&folder, "new.db");
    new.bootstrap(NOW).unwrap();
    for version in 1..=VERSION {
        let old = file(&folder, &format!("v{version}.db"));
        old.conn().execute_batch(&stored(version)).unwrap();
        assert_eq!(old.schema_version().unwrap(), version);
        let before = ["knocker_events", "knocker_deliveries", "knocker_attempts", "knocker_prunes"].map(|view| count(&old, view));
        assert!(before.iter().all(|&rows| rows > 0), "version {version}: the stored file has rows of every kind");

        assert_eq!(old.bootstrap(NOW).unwrap(), VERSION);

        assert_eq!(objects(&old), objects(&new), "version {version}");
        let after = ["knocker_events", "knocker_deliveries", "knocker_attempts", "knocker_prunes"].map(|view| count(&old, view));
        assert_eq!(after, before, "version {version}: no row is lost");
        let integrity: String = old.conn().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(integrity, "ok");

        let dead: i64 = old.conn().query_row("SELECT min(id) FROM knocker_events WHERE status = 'dead'", [], |row| row.get(0)).unwrap();
        old.operate(Action::Requeue, dead, None, NOW).unwrap();
        let leased = old.claim("upgraded", 100, 60, &ClaimFilter::default(), NOW).unwrap();
        assert!(leased > 0);
        let job: i64 = old
            .conn()
            .query_row("SELECT job_id FROM knocker_jobs WHERE worker = 'upgraded' AND event_id = ?1", [dead], |row| row.get(0))
            .unwrap();
        old.handled(job, "upgraded", 1, NOW).unwrap();
    }
}

#[test]
fn bootstrap_is_idempotent_and_survives_a_race() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("race.db");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let conn = Connection::open(&path).unwrap();
                conn.busy_timeout(std::time::Duration::from_secs(600)).unwrap();
                assert_eq!(Store::new(conn).bootstrap(NOW).unwrap(), VERSION);
            });
        }
    });
    let store = file(&folder, "race.db");
    assert_eq!(store.bootstrap(NOW).unwrap(), VERSION);
    assert_eq!(count(&store, "_knocker_schema"), VERSION);
}

#[test]
fn the_schema_of_an_attached_file_is_not_that_of_the_main_one() {
    let folder = TempDir::new().unwrap();
    file(&folder, "other.db").bootstrap(NOW).unwrap();
    let main = file(&folder, "main.db");
    main.conn().execute("ATTACH ?1 AS other", [folder.path().join("other.db").to_str().unwrap()]).unwrap();
    assert_eq!(main.endpoint("shop", "{}", NOW).unwrap_err().code(), Code::NotBootstrapped);
    assert_eq!(main.bootstrap(NOW).unwrap(), VERSION);
    main.endpoint("shop", "{}", NOW).unwrap();
    assert_eq!((count(&main, "main.knocker_endpoints"), count(&main, "other.knocker_endpoints")), (1, 0));
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_not_touched() {
    let folder = TempDir::new().unwrap();
    let store = file(&folder, "newer.db");
    store.bootstrap(NOW).unwrap();
    store.endpoint("orders", "{}", NOW).unwrap();
    store.conn().execute("INSERT INTO _knocker_schema (version, migrated_at) VALUES (?1, 0)", [VERSION + 1]).unwrap();
    assert_eq!(store.bootstrap(NOW).unwrap_err().code(), Code::SchemaTooNew);
    assert_eq!(store.endpoint("others", "{}", NOW).unwrap_err().code(), Code::SchemaTooNew);
    assert_eq!(count(&store, "knocker_endpoints"), 1);
}

#[test]
fn a_migration_that_fails_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let store = file(&folder, "taken.db");
    store.conn().execute_batch("CREATE TABLE _knocker_prunes (something_else)").unwrap();
    store.bootstrap(NOW).unwrap_err();
    let tables: i64 = store.conn().query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}
