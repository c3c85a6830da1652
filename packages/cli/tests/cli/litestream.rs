//! The command beside Litestream on one file: `make test-litestream`.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rusqlite::Connection;

use crate::doctor::findings;
use crate::support::{Inbox, knocker};

/// A Litestream that replicates the file of an inbox into a folder beside it. It ends with the test.
struct Litestream {
    program: PathBuf,
    child: Child,
    replica: String,
}

impl Litestream {
    fn of(inbox: &Inbox) -> Self {
        let program = PathBuf::from(std::env::var_os("KNOCKER_LITESTREAM").expect("KNOCKER_LITESTREAM names the program"));
        let folder = inbox.path("replica");
        let replica = format!("file://{}", folder.display());
        let mut command = Command::new(&program);
        command.arg("replicate").arg(inbox.path("inbox.db")).arg(&replica);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while fs::read_dir(folder.join("ltx/0")).map_or(0, Iterator::count) == 0 {
            std::thread::yield_now();
        }
        Self { program, child, replica }
    }

    /// Restores until the copy has so many rows of this view: what was committed comes over within a second or so.
    fn restored(&self, inbox: &Inbox, view: &str, rows: i64) -> PathBuf {
        let to = inbox.path("restored.db");
        loop {
            let _ = fs::remove_file(&to);
            let ran = Command::new(&self.program).args(["restore", "-o"]).arg(&to).arg(&self.replica).output().unwrap();
            let count = format!("SELECT count(*) FROM {view}");
            if ran.status.success() && Connection::open(&to).unwrap().query_row(&count, [], |row| row.get::<_, i64>(0)) == Ok(rows) {
                return to;
            }
        }
    }
}

impl Drop for Litestream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "wants Litestream: make test-litestream"]
fn receipts_bulk_work_backups_and_repairs_all_reach_the_replica() {
    let inbox = Inbox::with_orders();
    let litestream = Litestream::of(&inbox);
    inbox.receive_many(500);
    inbox.knocker(&["ignore", "--status", "received", "--yes"]).ok();
    inbox.knocker(&["backup", inbox.path("copy.db").to_str().unwrap()]).ok();
    inbox.knocker(&["requeue", "--status", "ignored", "--yes"]).ok();
    // The doctor repairs a log that it must not empty.
    inbox.store.conn().execute_batch("PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler (bytes BLOB)").unwrap();
    inbox.store.conn().execute("INSERT INTO filler VALUES (randomblob(60000000))", []).unwrap();
    let repaired = inbox.knocker(&["--json", "doctor", "--repair", "--backup-to", inbox.path("before.db").to_str().unwrap()]);
    assert!(findings(&repaired).iter().all(|finding| finding["severity"] == "note"), "{}", repaired.stdout);
    inbox.receive_many(501);

    let restored = litestream.restored(&inbox, "knocker_events", 501);
    let name = restored.to_str().unwrap();
    assert!(knocker(&["restore", "--check", name]).ok().stdout.contains("501 events"));
    let to = inbox.path("app.db");
    knocker(&["--db", to.to_str().unwrap(), "restore", name]).ok();
    assert_eq!(findings(&knocker(&["--db", to.to_str().unwrap(), "--json", "doctor"])), [] as [serde_json::Value; 0]);
}
