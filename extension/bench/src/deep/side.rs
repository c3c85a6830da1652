//! One of the two files that are compared.

use std::cell::Cell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use knocker_core::Store;
use rusqlite::Connection;
use rustix::fs::{Advice, fadvise};

use super::history;
use crate::database::{Push, load, push};

/// So many events of long ago a process asks for, one after the other: as many of each file, so that their pages are as warm.
const LONG_AGO: i64 = 16;
/// More than the measurements take of the oldest events.
const TAKEN: i64 = 5000;

/// A file with the history that it was made with, and a connection to it.
pub struct Side {
    pub path: PathBuf,
    pub events: i64,
    pub store: Store,
    push: Push,
    first: i64,
    drawn: Cell<i64>,
}

/// A connection as an application has it.
fn connect(path: &Path) -> Connection {
    let conn = Connection::open(path).expect("the file is there");
    conn.busy_timeout(Duration::from_secs(60)).expect("waits");
    conn.pragma_update(None, "journal_mode", "WAL").expect("WAL");
    conn.pragma_update(None, "synchronous", "NORMAL").expect("synchronous");
    load(&conn);
    conn
}

/// The write-ahead log of a file.
pub fn log(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// An event that no earlier run had either, by the system's clock as far as a key holds it.
pub fn new_event() -> i64 {
    (UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() & 0xffff_ffff_ffff) as i64
}

impl Side {
    pub fn open(path: &Path, events: i64) -> Self {
        let conn = connect(path);
        let push = push(&conn, 0, 1024);
        Self { path: path.to_owned(), events, store: Store::new(conn), push, first: new_event(), drawn: Cell::new(0) }
    }

    pub fn conn(&self) -> &Connection {
        self.store.conn()
    }

    /// An event of the later half of the history, which no prune of a measurement reaches. Each process has others, so that none is received often.
    pub fn old(&self) -> i64 {
        self.drawn.set((self.drawn.get() + 1) % LONG_AGO);
        let half = self.events / 2;
        half + (self.first + self.drawn.get() * (half / LONG_AGO)) % half
    }

    /// When an event was received.
    pub fn received(&self, event: i64) -> i64 {
        let mut statement = self.conn().prepare_cached("SELECT received_at FROM knocker_events WHERE id = ?1").expect("the view is there");
        statement.query_row([event], |row| row.get(0)).expect("the event is there")
    }

    /// The push of an event. GitHub signs the body alone, so that it is signed once.
    pub fn push(&self, event: i64) -> Push {
        let key = history::key(event);
        Push { request: self.push.request.replace(&self.push.key, &key), body: self.push.body.clone(), key }
    }

    /// Reads so many rows.
    pub fn rows(&self, sql: &str, values: impl rusqlite::Params) -> usize {
        let mut statement = self.conn().prepare_cached(sql).expect("the view is there");
        let mut rows = statement.query(values).expect("reads");
        let mut count = 0;
        while let Some(row) = rows.next().expect("reads") {
            std::hint::black_box(row.get_ref(0).expect("a column"));
            count += 1;
        }
        count
    }

    /// Has the system hold what the measurements come to: the index of dedupe, all over which receives write, and the oldest events.
    pub fn read_pages(&self) {
        self.rows("SELECT count(key) FROM _knocker_events INDEXED BY _knocker_events_key WHERE key IS NOT NULL", []);
        self.rows("SELECT body FROM knocker_events ORDER BY id LIMIT ?1", [TAKEN]);
        self.rows("SELECT error FROM _knocker_attempts ORDER BY id LIMIT ?1", [TAKEN]);
    }

    /// Has the system forget the pages of the file that it holds in memory. It keeps those that it has yet to write.
    pub fn forget_pages(&self) {
        for path in [self.path.clone(), log(&self.path)] {
            let Ok(file) = File::open(path) else { continue };
            file.sync_data().expect("the disk writes");
            fadvise(&file, 0, None, Advice::DontNeed).expect("Linux forgets");
        }
    }
}
