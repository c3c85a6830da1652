//! The cost of a receive: one a commit, thirty-two a commit, and in memory.
//!
//! By hand nothing is verified, and where one of thirty-two fails, the others of its commit are lost or what it wrote until then stays. A receive that
//! verifies and leaves a caller's transaction as it was costs at least the signature more, and in a caller's transaction a savepoint: SQLite copies each
//! page that is there, some ten, before it changes it. Both together by hand are the floor, which is measured and stands below the figure. What does not get
//! under it:
//!
//! - All rows by one statement, so that no savepoint is needed: SQLite then keeps the same copies for the statement.
//! - No savepoint, as all that can be refused is refused before the first write: what else fails in between (a trigger or an index that somebody added, a
//!   lack of memory, an interrupted call, a damaged page) would leave a part in the transaction of a caller who may commit it.
//! - One savepoint for all thirty-two: each begins where the one before it ended, and that is what a failure has to go back to.

use rusqlite::Connection;
use tempfile::TempDir;

use crate::database::{NOW, Push, SECRET, open, prepare, push};
use crate::hand::{self, run as statement};
use crate::primitive::Primitive;
use crate::report::{Bound, Report, alternate, micros, throughput_ratio};

const BODY: usize = 1024;

/// Receives one, in a commit of its own unless a transaction is open.
pub fn receive(conn: &Connection, push: &Push) {
    let secrets = format!("[{SECRET:?}]");
    let mut statement = conn.prepare_cached("SELECT knocker_receive('github', ?1, ?2, ?3, ?4)").expect("the function is there");
    let result: String = statement.query_row((&push.request, &push.body, &secrets, NOW), |row| row.get(0)).expect("receives");
    assert!(result.contains(r#""outcome":"accepted""#), "{result}");
}

/// The same rows by hand.
pub fn receive_by_hand(conn: &Connection, push: &Push) {
    statement(conn, "BEGIN IMMEDIATE").expect("begins");
    hand::receive(conn, push).expect("receives");
    statement(conn, "COMMIT").expect("commits");
}

/// The same with what any receive in a caller's transaction has to do beside it: the signature, and a savepoint.
fn at_the_floor(conn: &Connection, push: &Push) {
    Primitive::HmacSha256.prepare(&push.body)(&push.body);
    statement(conn, "SAVEPOINT floor").expect("begins");
    hand::receive(conn, push).expect("receives");
    statement(conn, "RELEASE floor").expect("ends");
}

/// Hands out pushes that no database has seen.
pub struct Pushes {
    made: Vec<Push>,
    used: usize,
}

impl Pushes {
    pub fn new(conn: &Connection, n: usize) -> Self {
        Self { made: (0..n).map(|n| push(conn, n, BODY)).collect(), used: 0 }
    }

    pub fn next(&mut self, n: usize) -> &[Push] {
        self.used += n;
        &self.made[self.used - n..self.used]
    }
}

/// Thirty-two a commit.
pub fn batches(pushes: &[Push], conn: &Connection, one: &dyn Fn(&Connection, &Push)) {
    for batch in pushes.chunks(32) {
        statement(conn, "BEGIN IMMEDIATE").expect("begins");
        batch.iter().for_each(|push| one(conn, push));
        statement(conn, "COMMIT").expect("commits");
    }
}

pub fn run(report: &mut Report) {
    let folder = TempDir::new().expect("a temporary folder");
    for (synchronous, per_round) in [("NORMAL", 1000), ("FULL", 200)] {
        let ours = open(folder.path(), &format!("ours-{synchronous}.db"), synchronous);
        let theirs = open(folder.path(), &format!("theirs-{synchronous}.db"), synchronous);
        let (mut a, mut b) = (Pushes::new(&ours, per_round * 10), Pushes::new(&ours, per_round * 10));
        let times = alternate(
            9,
            per_round as u32,
            || a.next(per_round).iter().for_each(|push| receive(&ours, push)),
            || b.next(per_round).iter().for_each(|push| receive_by_hand(&theirs, push)),
        );
        let ratio = throughput_ratio(times.0, times.1);
        let name = format!("receive, one a commit, synchronous={synchronous}");
        report.row(&name, &micros(times.0), &micros(times.1), ratio, Bound::AtLeast(0.8));
    }

    let ours = open(folder.path(), "ours-32.db", "NORMAL");
    let theirs = open(folder.path(), "theirs-32.db", "NORMAL");
    let (mut a, mut b) = (Pushes::new(&ours, 20_480), Pushes::new(&ours, 20_480));
    let by_hand = |conn: &Connection, push: &Push| hand::receive(conn, push).expect("receives");
    let times = alternate(9, 2048, || batches(a.next(2048), &ours, &receive), || batches(b.next(2048), &theirs, &by_hand));
    let ratio = throughput_ratio(times.0, times.1);
    report.row("receive, 32 a commit, synchronous=NORMAL", &micros(times.0), &micros(times.1), ratio, Bound::AtLeast(0.6));
    // In files of their own: the same pushes again would meet events that are there, and store none.
    let floor = open(folder.path(), "floor-32.db", "NORMAL");
    let theirs = open(folder.path(), "floor-32-by-hand.db", "NORMAL");
    let (mut a, mut b) = (Pushes::new(&ours, 20_480), Pushes::new(&ours, 20_480));
    let times = alternate(9, 2048, || batches(a.next(2048), &floor, &at_the_floor), || batches(b.next(2048), &theirs, &by_hand));
    let ratio = throughput_ratio(times.0, times.1);
    report.row("    its floor: by hand, signed and in a savepoint", &micros(times.0), &micros(times.1), ratio, Bound::Nothing);

    let ours = Connection::open_in_memory().expect("memory");
    let theirs = Connection::open_in_memory().expect("memory");
    prepare(&ours, "OFF");
    prepare(&theirs, "OFF");
    let (mut a, mut b) = (Pushes::new(&ours, 20_000), Pushes::new(&ours, 20_000));
    let times = alternate(
        9,
        2000,
        || a.next(2000).iter().for_each(|push| receive(&ours, push)),
        || b.next(2000).iter().for_each(|push| receive_by_hand(&theirs, push)),
    );
    let ratio = 1.0 / throughput_ratio(times.0, times.1);
    report.row("receive, CPU in memory", &micros(times.0), &micros(times.1), ratio, Bound::AtMost(2.0));
}
