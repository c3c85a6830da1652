use crate::support::{Inbox, command, knocker, run};

#[test]
fn creates_the_file_once_and_is_repeatable() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("new.db");
    let args = ["--db", db.to_str().unwrap(), "init"];
    assert!(knocker(&args).ok().stdout.contains("schema version 5 created"));
    assert!(knocker(&args).ok().stdout.contains("schema version 5 is up to date"));
    let conn = rusqlite::Connection::open(&db).unwrap();
    assert_eq!(conn.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)).unwrap(), "wal");
    knocker(&["--db", db.to_str().unwrap(), "events"]).ok();
}

#[test]
fn tells_a_program_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("new.db");
    let args = ["--json", "--db", db.to_str().unwrap(), "init"];
    assert_eq!(knocker(&args).ok().json()["changed"], true);
    assert_eq!(knocker(&args).ok().json()["changed"], false);
}

#[test]
fn the_database_may_come_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("new.db");
    run(command(&["init"]).env("KNOCKER_DB", &db), b"").ok();
    run(command(&["stats"]).env("KNOCKER_DB", &db), b"").ok();
    knocker(&["init"]).fails(2, "no database was named", "KNOCKER_DB");
}

#[test]
fn the_address_of_a_cluster_is_no_file() {
    for address in ["rqlite://user:password@127.0.0.1:4001", "rqlites://127.0.0.1:4001"] {
        for args in [&["init"][..], &["events"], &["stats"], &["doctor"], &["show", "event", "1"]] {
            let args = [&["--db", address], args].concat();
            let ran = knocker(&args).fails(2, "address of a cluster is for the packages", "rqlite's own tools");
            assert!(!ran.stderr.contains("password"), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_missing_file_is_created_by_init_alone() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("typo.db");
    let db = db.to_str().unwrap();
    for args in [&["events"][..], &["stats"], &["show", "event", "1"], &["replay", "1"], &["retain"], &["endpoint", "add", "a"]] {
        let args = [&["--db", db], args].concat();
        knocker(&args).fails(3, "there is no database file", "knocker init --db");
        assert!(!std::path::Path::new(db).exists());
    }
}

#[test]
fn a_file_without_schema_an_older_and_a_newer_one_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("own.db");
    rusqlite::Connection::open(&db).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    knocker(&["--db", db.to_str().unwrap(), "events"]).fails(3, "no Knocker schema", "knocker init");

    let inbox = Inbox::empty();
    inbox.store.conn().execute("DELETE FROM _knocker_schema WHERE version > 1", []).unwrap();
    inbox.knocker(&["events"]).fails(3, "schema version 1; this command needs", "the command of the release that the application runs");
    inbox.store.conn().execute("INSERT INTO _knocker_schema (version, migrated_at) VALUES (999, 0)", []).unwrap();
    inbox.knocker(&["events"]).fails(1, "schema version 999", "Upgrade");
    inbox.knocker(&["init"]).fails(1, "schema version 999", "Upgrade");
}

#[test]
fn what_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    let text = "these are my notes, not a database, and long enough to have a header of their own in the eyes of SQLite\n".repeat(5);
    std::fs::write(&file, &text).unwrap();
    knocker(&["--db", file.to_str().unwrap(), "init"]).fails(1, "not a database", "doctor --integrity");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn reading_leaves_the_journal_mode_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("plain.db");
    let conn = rusqlite::Connection::open(&db).unwrap();
    knocker_core::Store::new(conn).bootstrap(0).unwrap();
    for args in [
        &["stats"][..],
        &["requeue", "-s", "dead", "--dry-run"],
        &["prune", "events", "--older-than", "1d", "--dry-run"],
        &["prune", "deliveries", "--older-than", "1d", "--dry-run"],
    ] {
        knocker(&[&["--db", db.to_str().unwrap()], args].concat()).ok();
    }
    let conn = rusqlite::Connection::open(&db).unwrap();
    assert_eq!(conn.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)).unwrap(), "delete");
}

#[test]
fn a_busy_database_asks_to_try_again() {
    let inbox = Inbox::with_orders();
    inbox.store.conn().execute_batch("BEGIN IMMEDIATE").unwrap();
    inbox.knocker(&["endpoint", "disable", "orders"]).fails(4, "locked", "Try again");
    inbox.knocker(&["events"]).ok();
    inbox.store.conn().execute_batch("ROLLBACK").unwrap();
}
