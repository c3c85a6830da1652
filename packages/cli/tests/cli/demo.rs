use std::path::Path;

use rusqlite::Connection;

use crate::support::{command, knocker, run};

#[test]
fn the_demo_goes_as_told_and_leaves_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(command(&["demo"]).current_dir(folder.path()), b"").ok();
    for part in [
        "expectations met",
        "duplicate",
        "bad_signature",
        "too_large",
        "the warehouse did not answer",
        "sqlite3 -box knocker-demo.db",
        "why 3",
        " top ",
        "# back in the queue: it waits for a worker, and the demo's has ended",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} in {}", ran.stdout);
    }
    for absent in ["MISSED", "whsec_", "test-secret", "test-signing-secret", "\x1b"] {
        assert!(!ran.stdout.contains(absent), "{absent:?} in {}", ran.stdout);
    }
    let conn = Connection::open(folder.path().join("knocker-demo.db")).unwrap();
    let orders: i64 = conn.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap();
    assert_eq!(orders, 1);

    // The SQL that it tells the reader to type works.
    let typed: Vec<&str> = ran.stdout.lines().map(str::trim).filter(|line| line.starts_with("SELECT")).collect();
    assert_eq!(typed.len(), 3);
    for sql in typed {
        conn.prepare(sql).unwrap().query([]).unwrap().next().unwrap().unwrap();
    }
}

#[test]
fn what_the_demo_offers_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let told = run(command(&["demo"]).current_dir(folder.path()), b"").ok().stdout;
    let in_folder =
        |args: &[&str]| run(command(&[&["--db", "knocker-demo.db"], args].concat()).current_dir(folder.path()), b"").ok().stdout;
    let offered = told.lines().find(|line| line.contains(" replay 3 ")).expect("it offers a replay");
    // No worker of the demo runs any more.
    assert!(!offered.contains("handles it"), "{offered}");
    assert_eq!(in_folder(&["replay", "3"]), "event 3 is now received\n");
    assert!(in_folder(&["why", "3"]).contains("was put back and waits for its next attempt"));
}

#[test]
fn a_program_gets_one_document() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("my demo.db");
    let told = knocker(&["--json", "--db", db.to_str().unwrap(), "demo"]).ok().json();
    let outcomes: Vec<&str> = told["deliveries"].as_array().unwrap().iter().map(|delivery| delivery["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["accepted", "accepted", "accepted", "duplicate", "invalid", "too_large"]);
    assert!(told["expectations"].as_array().unwrap().iter().all(|expectation| expectation["met"] == true));
    assert_eq!((told["events"].as_array().unwrap().len(), told["orders"].as_array().unwrap().len()), (3, 1));
    assert!(db.exists());
}

#[test]
fn it_replaces_its_own_file_and_no_other_one() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let demo = || knocker(&["--db", db.to_str().unwrap(), "demo"]);
    demo().ok();
    demo().ok();
    for (index, own) in ["notes.txt", "own.db"].iter().enumerate() {
        let path = folder.path().join(own);
        if index == 0 {
            std::fs::write(&path, "my notes").unwrap();
        } else {
            Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
        }
        let before = std::fs::read(&path).unwrap();
        knocker(&["--db", path.to_str().unwrap(), "demo"]).fails(1, "is not the file of an earlier demo", "--db");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[test]
fn the_database_of_everyday_work_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let everyday = folder.path().join("everyday.db");
    run(command(&["demo"]).current_dir(folder.path()).env("KNOCKER_DB", &everyday), b"").ok();
    assert!(!everyday.exists());
    assert!(Path::new(&folder.path().join("knocker-demo.db")).exists());
}
