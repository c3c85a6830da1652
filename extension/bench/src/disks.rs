//! What one waits for on the disks that people rent, where a sync takes milliseconds: every figure with `synchronous=FULL`.
//!
//! `make bench` runs these on the bare disk and with every sync slowed to 2 and to 5 milliseconds (`extension/bench/slow-disk`); the
//! baseline is slowed alike.

use tempfile::TempDir;

use crate::claim::{Sharing, drain, drain_by_hand, orders};
use crate::database::{fill, open};
use crate::receive::{Pushes, batches, receive, receive_by_hand};
use crate::report::{Bound, Report, alternate, micros, throughput_ratio};

/// How long a sync takes here at least, in milliseconds.
fn slowed() -> f64 {
    std::env::var("KNOCKER_SYNC_MICROSECONDS").ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / 1000.0
}

pub fn run(report: &mut Report) {
    let slowed = slowed();
    let (disk, shared) = if slowed > 0.0 { (format!("syncs of {slowed} ms"), 10.0) } else { ("the bare disk".into(), 1.5) };
    let folder = TempDir::new().expect("a temporary folder");
    let [ours, theirs] = ["ours.db", "theirs.db"].map(|name| open(folder.path(), name, "FULL"));
    let (mut a, mut b) = (Pushes::new(&ours, 60 * 8), Pushes::new(&ours, 60 * 8));
    let times = alternate(
        7,
        60,
        || a.next(60).iter().for_each(|push| receive(&ours, push)),
        || b.next(60).iter().for_each(|push| receive_by_hand(&theirs, push)),
    );
    let name = format!("receive, one a commit, {disk}");
    report.row(&name, &micros(times.0), &micros(times.1), throughput_ratio(times.0, times.1), Bound::AtLeast(0.8));

    // A package gathers what its callers wait for into one commit; by hand each of them commits.
    let [ours, theirs] = ["ours-32.db", "theirs-32.db"].map(|name| open(folder.path(), name, "FULL"));
    let (mut a, mut b) = (Pushes::new(&ours, 128 * 8), Pushes::new(&ours, 128 * 8));
    let times =
        alternate(7, 128, || batches(a.next(128), &ours, &receive), || b.next(128).iter().for_each(|push| receive_by_hand(&theirs, push)));
    let name = format!("receive, 32 a commit against one a commit, {disk}");
    report.row(&name, &micros(times.0), &micros(times.1), throughput_ratio(times.0, times.1), Bound::AtLeast(3.0));

    for (sharing, jobs, what, least) in
        [(Sharing::Nothing, 60, "drain, one transaction a job", 0.7), (Sharing::Commits, 320, "drain, 32 jobs a commit", shared)]
    {
        let [ours, theirs] = ["ours", "theirs"].map(|side| {
            let conn = open(folder.path(), &format!("{side}-drain-{jobs}.db"), "FULL");
            fill(&conn, 5000, "received");
            orders(&conn);
            conn
        });
        let times = alternate(7, jobs as u32, || drain(&ours, jobs, sharing), || drain_by_hand(&theirs, jobs));
        let name = format!("{what} against one by hand, {disk}");
        report.row(&name, &micros(times.0), &micros(times.1), throughput_ratio(times.0, times.1), Bound::AtLeast(least));
    }
}
