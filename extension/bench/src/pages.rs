//! The pages that a commit writes, and what they are of: counted in the file's write-ahead log, which does not wobble as times do.
//!
//! By hand are the same rows of the same tables with [`crate::hand`], without the extension.
//!
//! A commit costs what it dirties: SQLite copies each page to the log, sums over it, and writes it to the file later.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::claim::{claim, drain_by_hand, handle_leased, orders};
use crate::database::{fill, open};
use crate::receive::{Pushes, receive, receive_by_hand};
use crate::report::{Bound, Report};

const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const PAGE: usize = 4096;
const TIMES: i64 = 1000;

/// A database whose log grows, so that it tells every page that was written.
struct Watched {
    conn: Connection,
    log: PathBuf,
}

/// How often each page was written.
type Frames = BTreeMap<u32, usize>;

impl Watched {
    fn new(folder: &Path, name: &str) -> Self {
        let conn = open(folder, name, "NORMAL");
        fill(&conn, 30_000, "received");
        orders(&conn);
        conn.pragma_update(None, "wal_autocheckpoint", 0).expect("no checkpoint while counting");
        Self { conn, log: folder.join(format!("{name}-wal")) }
    }

    /// Adds what the work writes.
    fn watch(&self, frames: &mut Frames, work: impl FnOnce(&Connection)) {
        let size = || std::fs::metadata(&self.log).map_or(0, |log| log.len() as usize).max(LOG_HEADER);
        let before = size();
        work(&self.conn);
        let log = std::fs::read(&self.log).expect("the log is there");
        for frame in log[before..size()].chunks_exact(FRAME_HEADER + PAGE) {
            *frames.entry(u32::from_be_bytes(frame[..4].try_into().expect("four bytes"))).or_default() += 1;
        }
    }

    /// Prints what was written for each of the times.
    fn tell(&self, report: &mut Report, what: &str, frames: &Frames, bound: Bound) {
        let mut owners = self.conn.prepare("SELECT pageno, name FROM dbstat").expect("SQLite is built with dbstat");
        let owners = owners.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let owners: BTreeMap<u32, String> = owners.and_then(Iterator::collect).expect("reads");
        let mut sums: BTreeMap<&str, usize> = BTreeMap::new();
        for (page, times) in frames {
            *sums.entry(owners.get(page).map_or("(freed since)", String::as_str)).or_default() += times;
        }
        let each = |times: usize| times as f64 / TIMES as f64;
        let total = each(frames.values().sum());
        println!("\n{}", report.said(&format!("{what}: {total:.2} pages"), &format!("{what}: pages"), total, bound));
        println!("{:<36} {:>6}", "table or index", "pages");
        sums.iter().for_each(|(owner, times)| println!("{owner:<36} {:>6.2}", each(*times)));
    }
}

pub fn run(report: &mut Report) {
    let folder = TempDir::new().expect("a temporary folder");
    let [ours, theirs] = ["ours.db", "theirs.db"].map(|name| Watched::new(folder.path(), name));
    let pushes = Pushes::new(&ours.conn, TIMES as usize).next(TIMES as usize).to_vec();

    let [mut claims, mut verdicts, mut by_hand] = [Frames::new(), Frames::new(), Frames::new()];
    for _ in 0..TIMES / 10 {
        ours.watch(&mut claims, |conn| assert_eq!(claim(conn, 10), 10));
        ours.watch(&mut verdicts, handle_leased);
    }
    ours.tell(report, "claims of ten, a job", &claims, Bound::AtMost(1.0));
    ours.tell(report, "verdict", &verdicts, Bound::AtMost(6.5));
    theirs.watch(&mut by_hand, |conn| drain_by_hand(conn, TIMES));
    theirs.tell(report, "claims of ten and a verdict by hand", &by_hand, Bound::Nothing);

    let [mut receives, mut by_hand] = [Frames::new(), Frames::new()];
    ours.watch(&mut receives, |conn| pushes.iter().for_each(|push| receive(conn, push)));
    ours.tell(report, "receive", &receives, Bound::AtMost(11.0));
    theirs.watch(&mut by_hand, |conn| pushes.iter().for_each(|push| receive_by_hand(conn, push)));
    theirs.tell(report, "receive by hand", &by_hand, Bound::Nothing);
    report.go_on();
}
