//! What `knocker doctor --repair` does, after a backup.

use std::path::{Path, PathBuf};
use std::time::Duration;

use knocker_core::Store;

use super::checks::{queue, schema, wal};
use super::finding::Finding;
use super::reading::Reading;
use super::reading::rows::DISAGREEMENTS;
use crate::backup;
use crate::beside::with_suffix;
use crate::context::Context;
use crate::failure::Result;
use crate::moment;

/// How long the end of a checkpoint, which keeps writers out, may wait for readers.
const PATIENCE: Duration = Duration::from_millis(20);

pub fn run(context: &Context, reading: &Reading, findings: &[&Finding], backup_to: Option<&Path>) -> Result {
    let to = backup_to.map_or_else(|| beside(&reading.path, context.now), Path::to_owned);
    backup::copy(&reading.path, &to, false)?;
    if !context.out.json() {
        context.out.line(format_args!("backup before the repair: {}\n", to.display()))?;
    }
    let store = crate::database::open_to_repair(&reading.path)?;
    if findings.iter().any(|finding| schema::CODES.contains(&finding.code)) {
        store.bootstrap(context.now)?;
    }
    // Looked for again: what was found is a moment old.
    if findings.iter().any(|finding| queue::CODES.contains(&finding.code)) {
        loop {
            let found = store.disagreements(i64::MAX, DISAGREEMENTS / 10)?;
            if found.is_empty() {
                break;
            }
            store.reconcile(&found, context.now)?;
        }
    }
    if findings.iter().any(|finding| wal::CODES.contains(&finding.code)) {
        checkpoint(&store, reading.files.litestream)?;
    }
    Ok(())
}

fn beside(path: &Path, now: i64) -> PathBuf {
    with_suffix(path, &format!(".before-repair-{}", moment::show(now).replace([' ', ':'], "-")))
}

/// Copies the log into the file beside readers and writers, and then, in a moment without readers, empties it. Litestream counts on the log being
/// there: beside it only the copying is done.
fn checkpoint(store: &Store, litestream: bool) -> Result {
    let pragma = |mode: &str| store.conn().query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
    pragma("PASSIVE")?;
    if !litestream {
        store.conn().busy_timeout(PATIENCE)?;
        pragma("TRUNCATE")?;
    }
    Ok(())
}
