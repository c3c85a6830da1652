//! Creating, upgrading and refusing files.
//!
//! `tests/schema/vN.sql` is a dump of a file that version N left (`sqlite3 FILE .dump`), with rows of every kind. It is made once, when a
//! version is released, and never edited.

use std::path::PathBuf;

use knocker_core::claim::ClaimFilter;
use knocker_core::operate::{Action, ActionOptions};
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

/// The check of an event's status in a file that was made before its words stood one by one, which says the same.
const FORMER_CHECK: &str = "CHECK (status IN ('received', 'processing', 'failed', 'handled', 'dead', 'ignored'))";
const CHECK: &str = "CHECK (status = 'received' OR status = 'handled' OR status = 'processing' OR status = 'failed' OR status = 'dead' OR status = 'ignored')";

/// Every table, index, trigger and view, as text that ignores how its SQL is laid out.
fn objects(store: &Store) -> Vec<(String, String)> {
    let sql = "SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE name LIKE '%knocker%' OR name LIKE '%honker%' ORDER BY name";
    let mut statement = store.conn().prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
    let words = |sql: String| sql.split_whitespace().collect::<Vec<_>>().join(" ").replace(FORMER_CHECK, CHECK);
    rows.map(Result::unwrap).map(|(name, sql)| (name, words(sql))).collect()
}

fn count(store: &Store, view: &str) -> i64 {
    store.conn().query_row(&format!("SELECT count(*) FROM {view}"), [], |row| row.get(0)).unwrap()
}

/// The last id that each table has given.
fn last_ids(store: &Store) -> Vec<(String, i64)> {
    let sql = "SELECT name, seq FROM sqlite_sequence WHERE name GLOB '_knocker_*' ORDER BY name";
    let mut statement = store.conn().prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_stored_file_of_every_version_upgrades_to_the_schema_of_a_new_one_and_works_on() {
    let folder = TempDir::new().unwrap();
    let new = file(&folder, "new.db");
    new.bootstrap(NOW).unwrap();
    for version in 1..VERSION {
        let old = file(&folder, &format!("v{version}.db"));
        old.conn().execute_batch(&stored(version)).unwrap();
        assert_eq!(old.schema_version().unwrap(), version);
        let before = ["knocker_events", "knocker_deliveries", "knocker_attempts", "knocker_prunes"].map(|view| count(&old, view));
        assert!(before.iter().all(|&rows| rows > 0), "version {version}: the stored file has rows of every kind");
        // As where the newest rows have been pruned.
        old.conn().execute_batch("UPDATE sqlite_sequence SET seq = seq + 100").unwrap();
        let ids = last_ids(&old);

        assert_eq!(old.bootstrap(NOW).unwrap(), VERSION);

        assert_eq!(objects(&old), objects(&new), "version {version}");
        let after = ["knocker_events", "knocker_deliveries", "knocker_attempts", "knocker_prunes"].map(|view| count(&old, view));
        assert_eq!(after, before, "version {version}: no row is lost");
        assert_eq!(last_ids(&old), ids, "version {version}: no id is given twice");
        let integrity: String = old.conn().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(integrity, "ok");

        let counted = old.stats(NOW).unwrap().events;
        for (status, told) in
            [("received", counted.received), ("processing", counted.processing), ("failed", counted.failed), ("handled", counted.handled)]
        {
            assert_eq!(told, count(&old, &format!("knocker_events WHERE status = '{status}'")), "version {version}: {status}");
        }
        assert!(old.disagreements(100, 10).unwrap().is_empty(), "version {version}");

        let dead: i64 = old.conn().query_row("SELECT min(id) FROM knocker_events WHERE status = 'dead'", [], |row| row.get(0)).unwrap();
        old.operate(Action::Requeue, dead, None, &ActionOptions::default(), NOW).unwrap();
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
fn an_event_has_one_of_its_statuses_in_files_old_and_new() {
    let folder = TempDir::new().unwrap();
    for version in [None, Some(1), Some(3)] {
        let store = file(&folder, &format!("{version:?}.db"));
        if let Some(version) = version {
            store.conn().execute_batch(&stored(version)).unwrap();
        }
        store.bootstrap(NOW).unwrap();
        let insert = "INSERT INTO _knocker_events (endpoint_id, delivery_id, status, received_at) VALUES (1, 0, ?1, 0)";
        for status in ["received", "processing", "failed", "handled", "dead", "ignored"] {
            assert_eq!(store.conn().execute(insert, [status]).unwrap(), 1, "{version:?} {status}");
        }
        for status in ["", "Received", "done"] {
            let error = store.conn().execute(insert, [status]).unwrap_err();
            assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ConstraintViolation), "{version:?} {status}");
        }
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

#[test]
fn what_holds_no_data_and_is_missing_is_put_back() {
    let folder = TempDir::new().unwrap();
    let store = file(&folder, "half.db");
    store.bootstrap(NOW).unwrap();
    let whole = objects(&store);
    for (name, _) in &whole {
        let kind: String = store.conn().query_row("SELECT type FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0)).unwrap();
        if kind == "table" || name.starts_with("_honker") || name.starts_with("sqlite_") {
            continue;
        }
        store.conn().execute_batch(&format!("DROP {kind} {name}")).unwrap();
        assert_eq!(store.bootstrap(NOW).unwrap(), VERSION, "{kind} {name}");
        assert_eq!(objects(&store), whole, "{kind} {name}");
    }
}

#[test]
fn a_missing_table_is_named_by_every_call_and_by_bootstrap() {
    let folder = TempDir::new().unwrap();
    let store = file(&folder, "lost.db");
    store.bootstrap(NOW).unwrap();
    store.endpoint("orders", "{}", NOW).unwrap();
    for table in ["_knocker_minutes", "_knocker_deliveries", "_honker_live"] {
        store.conn().execute_batch(&format!("DROP TABLE {table}")).unwrap();
        let fields = knocker_core::ingest::IngestFields::parse(r#"{"valid": true}"#).unwrap();
        for error in [store.bootstrap(NOW).unwrap_err(), store.ingest("orders", &fields, b"", NOW).unwrap_err()] {
            assert_eq!(error.code(), Code::SchemaIncomplete, "{error}");
        }
        assert!(store.bootstrap(NOW).unwrap_err().message().contains(table));
    }
}

#[test]
fn a_copied_schema_without_its_version_is_taken_for_what_it_is() {
    // What tools leave that copy the tables of a schema and not their rows, and perhaps not its triggers.
    let folder = TempDir::new().unwrap();
    let original = file(&folder, "original.db");
    original.bootstrap(NOW).unwrap();
    for with_triggers in [true, false] {
        let copy = file(&folder, &format!("copy-{with_triggers}.db"));
        for kind in ["table", "index", "view", "trigger"] {
            if kind == "trigger" && !with_triggers {
                continue;
            }
            let sql = "SELECT sql FROM sqlite_schema WHERE type = ?1 AND sql IS NOT NULL AND name NOT LIKE 'sqlite_%'";
            let mut statement = original.conn().prepare(sql).unwrap();
            for sql in statement.query_map([kind], |row| row.get::<_, String>(0)).unwrap() {
                copy.conn().execute_batch(&sql.unwrap()).unwrap();
            }
        }
        assert_eq!(copy.endpoint("orders", "{}", NOW).unwrap_err().code(), Code::NotBootstrapped);
        assert_eq!(copy.bootstrap(NOW).unwrap(), VERSION);
        assert_eq!(objects(&copy), objects(&original));
        works(&copy);
    }
}

#[test]
fn a_former_schema_that_lost_its_version_is_migrated_from_the_one_it_is() {
    let folder = TempDir::new().unwrap();
    for version in [2, 3] {
        let store = file(&folder, &format!("v{version}.db"));
        store.conn().execute_batch(&stored(version)).unwrap();
        store.conn().execute_batch("DELETE FROM _knocker_schema").unwrap();
        let events = count(&store, "_knocker_events");
        assert_eq!(store.bootstrap(NOW).unwrap(), VERSION, "{version}");
        assert_eq!(count(&store, "knocker_events"), events, "{version}");
        store.endpoint("fresh", "{}", NOW).unwrap();
        let fields = knocker_core::ingest::IngestFields::parse(r#"{"valid": true}"#).unwrap();
        let event = store.ingest("fresh", &fields, b"", NOW).unwrap().event_id.unwrap();
        let attempts = count(&store, "knocker_attempts");
        assert_eq!(store.claim("w", 1, 60, &ClaimFilter::of(["fresh"]), NOW).unwrap(), 1);
        let sql = "SELECT job_id FROM main.knocker_jobs WHERE event_id = ?1";
        let job = store.conn().query_row(sql, [event], |row| row.get(0)).unwrap();
        store.handled(job, "w", 1, NOW).unwrap();
        assert_eq!(count(&store, "knocker_attempts"), attempts + 1, "{version}");
    }
}

#[test]
fn an_empty_copy_in_other_words_is_made_anew_and_one_with_rows_is_kept() {
    // What Rails' schema.rb leaves: every table and index, without checks, unique columns, views and triggers.
    let folder = TempDir::new().unwrap();
    let original = file(&folder, "original.db");
    original.bootstrap(NOW).unwrap();
    let loosely = |copy: &Store| {
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut statement = original.conn().prepare(tables).unwrap();
        for table in statement.query_map([], |row| row.get::<_, String>(0)).unwrap() {
            let table = table.unwrap();
            let sql = "SELECT group_concat(CASE name WHEN 'id' THEN 'id integer PRIMARY KEY AUTOINCREMENT NOT NULL' ELSE name || ' ' || lower(type) END)
                       FROM pragma_table_info(?1)";
            let columns: String = original.conn().query_row(sql, [&table], |row| row.get(0)).unwrap();
            copy.conn().execute_batch(&format!("CREATE TABLE {table} ({columns})")).unwrap();
        }
    };

    let empty = file(&folder, "empty.db");
    loosely(&empty);
    assert_eq!(empty.bootstrap(NOW).unwrap(), VERSION);
    let of_ours = |store: &Store| {
        let named = |name: &str| name.contains("knocker") || name.starts_with("_honker_live") || name.starts_with("_honker_dead");
        objects(store).into_iter().filter(|(name, _)| named(name)).collect::<Vec<_>>()
    };
    assert_eq!(of_ours(&empty), of_ours(&original));
    works(&empty);

    for used in [
        "INSERT INTO _knocker_endpoints (name, config, created_at, updated_at) VALUES ('orders', '{}', 1, 1)",
        "INSERT INTO _honker_live (queue, payload) VALUES ('mails', '{}')",
        "INSERT INTO _honker_live (queue, payload) VALUES ('mails', '{}'); DELETE FROM _honker_live",
    ] {
        let kept = file(&folder, "kept.db");
        loosely(&kept);
        kept.conn().execute_batch(used).unwrap();
        let rows = |table: &str| count(&kept, table);
        let before = (rows("_knocker_endpoints"), rows("_honker_live"), rows("sqlite_sequence"));
        assert_eq!(kept.bootstrap(NOW).unwrap(), VERSION);
        assert_eq!((rows("_knocker_endpoints"), rows("_honker_live"), rows("sqlite_sequence")), before);
        drop(kept);
        std::fs::remove_file(folder.path().join("kept.db")).unwrap();
    }
}

#[test]
fn rows_that_were_edited_by_hand_are_told_by_name() {
    let folder = TempDir::new().unwrap();
    let store = file(&folder, "edited.db");
    store.bootstrap(NOW).unwrap();
    let fields = knocker_core::ingest::IngestFields::parse(r#"{"valid": true}"#).unwrap();
    for (name, edit) in [
        ("cut", "UPDATE _knocker_endpoints SET config = '{' WHERE name = 'cut'"),
        ("mistaken", "UPDATE _knocker_endpoints SET config = json_set(config, '$.max_attempts', 'many') WHERE name = 'mistaken'"),
        ("unknown", "UPDATE _knocker_endpoints SET config = json_set(config, '$.provider', 'nobody') WHERE name = 'unknown'"),
    ] {
        store.endpoint(name, "{}", NOW).unwrap();
        store.conn().execute_batch(edit).unwrap();
        let error = store.ingest(name, &fields, b"", NOW).unwrap_err();
        assert!(error.code() == Code::Corrupt && error.message().contains(name), "{error}");
    }
    store.endpoint("gone", "{}", NOW).unwrap();
    let event = store.ingest("gone", &fields, b"", NOW).unwrap().event_id.unwrap();
    store.operate(Action::Ignore, event, None, &ActionOptions::default(), NOW).unwrap();
    store.conn().execute_batch("DELETE FROM _knocker_endpoints WHERE name = 'gone'").unwrap();
    let error = store.operate(Action::Requeue, event, None, &ActionOptions::default(), NOW).unwrap_err();
    assert_eq!(error.code(), Code::Corrupt, "{error}");
}

#[test]
fn a_temporary_table_of_the_same_name_hides_nothing() {
    let folder = TempDir::new().unwrap();
    let store = file(&folder, "shadow.db");
    store.bootstrap(NOW).unwrap();
    let names = objects(&store).into_iter().map(|(name, _)| name);
    for name in names.filter(|name| name.starts_with("_knocker_") || name.starts_with("knocker_") || name == "_honker_live") {
        store.conn().execute_batch(&format!("CREATE TEMP TABLE IF NOT EXISTS {name} (x)")).unwrap();
    }
    works(&store);
}

#[test]
fn a_pragma_that_makes_every_write_give_a_row_does_no_harm() {
    let folder = TempDir::new().unwrap();
    let store = file(&folder, "counting.db");
    store.conn().execute_batch("PRAGMA count_changes = 1").unwrap();
    store.bootstrap(NOW).unwrap();
    works(&store);
}

/// A story through every kind of statement: receive, fail, die, requeue, handle, replay, ignore, prune.
fn works(store: &Store) {
    store.endpoint("orders", r#"{"max_attempts": 1}"#, NOW).unwrap();
    let fields = knocker_core::ingest::IngestFields::parse(r#"{"valid": true, "key": "k"}"#).unwrap();
    let event = store.ingest("orders", &fields, b"body", NOW).unwrap().event_id.unwrap();
    assert_eq!(store.ingest("orders", &fields, b"body", NOW).unwrap().outcome.name(), "duplicate");
    let refused = knocker_core::ingest::IngestFields::parse(r#"{"valid": false, "reason": "bad_signature"}"#).unwrap();
    assert_eq!(store.ingest("orders", &refused, b"body", NOW).unwrap().outcome.name(), "invalid");
    let claim = || {
        assert_eq!(store.claim("w", 1, 60, &ClaimFilter::default(), NOW).unwrap(), 1);
        store.conn().query_row("SELECT job_id FROM main.knocker_jobs WHERE worker = 'w'", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(store.failed(claim(), "w", "boom", 1, &Default::default(), NOW).unwrap().status.name(), "dead");
    store.operate(Action::Requeue, event, None, &ActionOptions::default(), NOW).unwrap();
    store.handled(claim(), "w", 1, NOW).unwrap();
    store.operate(Action::Replay, event, None, &ActionOptions::default(), NOW).unwrap();
    store.operate(Action::Ignore, event, None, &ActionOptions::default(), NOW).unwrap();
    let later = NOW + 10_000;
    let pruned = store.prune_deliveries(r#"{"older_than_s": 1}"#, later).unwrap().pruned;
    assert_eq!((pruned.events, pruned.deliveries), (0, 2));
    let pruned = store.prune_events(r#"{"older_than_s": 1}"#, later).unwrap().pruned;
    assert_eq!((pruned.events, pruned.deliveries, pruned.attempts), (1, 1, 2));
    assert_eq!(store.stats(later).unwrap().events.received, 0);
}

#[test]
fn a_tool_that_reads_views_line_by_line_finds_their_queries() {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(NOW).unwrap();
    let mut statement = store.conn().prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'view'").unwrap();
    let views = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let views: Vec<(String, String)> = views.collect::<Result<_, _>>().unwrap();
    assert!(views.len() > 5, "{views:?}");
    for (name, sql) in views {
        assert!(!sql.contains('\n') && sql.contains(" AS SELECT "), "{name}: {sql}");
    }
}
