//! `knocker restore`: checks a backup, and puts it in the place of the file.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use knocker_core::{Store, schema};
use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};

use crate::backup::{Partial, check, open_unchanged, unwritable};
use crate::beside::with_suffix;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::file_id;
use crate::in_use::holders;
use crate::moment;
use crate::printable::count;
use crate::progress::{Progress, Unit};

/// Bytes that are copied between two looks at an interrupt.
const STEP: usize = 4 << 20;
/// So many ids are left out after those of the backup: what was received since then, and is lost, had some of them.
const SKIPPED_IDS: i64 = 1_000_000;

#[derive(clap::Args)]
pub struct Args {
    /// The backup
    file: PathBuf,

    /// Only tell what is in it and whether it is whole
    #[arg(long)]
    check: bool,

    /// Replace the file of --db, which is kept beside it under another name
    #[arg(long)]
    overwrite: bool,

    /// Tell what would happen and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let name = args.file.display().to_string();
    if !args.check && file_id::same(&args.file, &context.db_path()?) {
        return Err(Failure::usage(format!("{name} is the file itself"), "Name the backup, and with --db the file whose place it takes."));
    }
    refuse_log(&args.file, &name)?;
    check(&args.file, &name, "Take another backup: this one cannot be restored. Nothing was changed.")?;
    let store = open_unchanged(&args.file)?;
    let found = Contents::read(&store, &name)?;
    if args.check {
        if context.out.json() {
            let mut document = found.document();
            document["file"] = json!(args.file);
            document["schema_version"] = found.version.into();
            return context.out.document(&document);
        }
        return context.out.line(format_args!("{} is whole: {}", args.file.display(), found.told(context.now)));
    }
    let to = context.db_path()?;
    let kept = prepare(&to, args, context.now)?;
    let released = if args.dry_run { 0 } else { replace(&args.file, &to, kept.as_deref(), found.version)? };
    if context.out.json() {
        let mut document = found.document();
        document["file"] = json!(to);
        document["kept"] = json!(kept);
        document["leases_released"] = released.into();
        document["dry_run"] = args.dry_run.into();
        return context.out.document(&document);
    }
    let verb = if args.dry_run { "dry run: would restore" } else { "restored" };
    context.out.line(format_args!("{verb} {}: {}", to.display(), found.told(context.now)))?;
    if let Some(kept) = kept {
        let verb = if args.dry_run { "would be" } else { "is" };
        context.out.line(format_args!("the file that was there {verb} {}", kept.display()))?;
    }
    if released > 0 {
        let leases = count(released, "lease");
        context.out.line(format_args!("{leases} of workers of that time were released, and no attempt counts for them"))?;
    }
    let handled = "events that were handled since are handled again; what came since is lost here: have providers send it again";
    context.out.line(format_args!("{handled}\nids go on {SKIPPED_IDS} further, so that none that was seen outside is given twice"))
}

/// Refuses the copy of a file in use: what is in its log would be left out.
fn refuse_log(file: &Path, name: &str) -> Result {
    let log = with_suffix(file, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let message = format!("{name} is no backup, but a file with a log beside it ({}), which holds its newest rows", log.display());
        return Err(Failure::new(Exit::Failed, message, "Make one file of both: knocker --db FILE backup COPY. Nothing was changed."));
    }
    Ok(())
}

/// Refuses what cannot be taken back; returns where the present file will be kept.
fn prepare(to: &Path, args: &Args, now: i64) -> Result<Option<PathBuf>> {
    let users = holders(to);
    if !users.is_empty() {
        let message = format!("{} is open in {}", to.display(), users.join(", "));
        return Err(Failure::new(Exit::Failed, message, "Stop these processes first: what they write would be lost."));
    }
    if !to.exists() {
        return Ok(None);
    }
    if !args.overwrite {
        let hint = "Add --overwrite: the file is kept beside it under another name.";
        return Err(Failure::new(Exit::Failed, format!("{} is there already", to.display()), hint));
    }
    Ok(Some(with_suffix(to, &format!(".before-restore-{}", moment::show(now).replace([' ', ':'], "-")))))
}

/// Gives how many leases were released.
fn replace(from: &Path, to: &Path, kept: Option<&Path>, version: i64) -> Result<i64> {
    let partial = Partial::beside(to)?;
    copy_bytes(from, &partial.0)?;
    let store = Store::new(Connection::open(&partial.0)?);
    let conn = store.conn();
    conn.execute_batch("PRAGMA journal_mode = DELETE")?;
    conn.execute("UPDATE sqlite_sequence SET seq = seq + ?1 WHERE name GLOB '_knocker_*' OR name = '_honker_live'", [SKIPPED_IDS])?;
    // A file of an older schema is migrated first, goes on from these, and its leases run out by themselves.
    let released = if version == schema::VERSION {
        store.skip_attempt_ids(SKIPPED_IDS)?;
        release_leases(&store)?
    } else {
        0
    };
    conn.pragma_update(None, "journal_mode", "WAL")?;
    // The end of the last connection leaves a file without a log.
    drop(store);
    if let Some(kept) = kept {
        for suffix in ["-wal", "-shm", ""] {
            let (now, then) = (with_suffix(to, suffix), with_suffix(kept, suffix));
            if now.exists() {
                fs::rename(&now, &then).map_err(|error| unwritable(&then, &error))?;
            }
        }
    }
    partial.into_place(to)?;
    Ok(released)
}

/// Releases what workers held when the backup was made: none of them works on this file, and no attempt of theirs has failed.
fn release_leases(store: &Store) -> Result<i64> {
    let leases: Vec<(String, i64)> = {
        let mut statement = store.conn().prepare("SELECT DISTINCT worker, lease_expires_at FROM knocker_jobs")?;
        let leases = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        leases.collect::<rusqlite::Result<_>>()?
    };
    let mut released = 0;
    for (worker, expires_at) in leases {
        // As of a moment at which the lease held: one that ran out would count as an attempt.
        released += store.release(&worker, expires_at - 1)?;
    }
    Ok(released)
}

/// A backup is one file, which nobody writes to.
fn copy_bytes(from: &Path, to: &Path) -> Result {
    let unreadable = |error: &io::Error| Failure::unreadable("the backup", error);
    let mut source = File::open(from).map_err(|error| unreadable(&error))?;
    let mut target = File::create(to).map_err(|error| unwritable(to, &error))?;
    let total = source.metadata().map_err(|error| unreadable(&error))?.len();
    let progress = Progress::start("restoring", Unit::Bytes, Some(total));
    let mut buffer = vec![0; STEP];
    loop {
        let read = source.read(&mut buffer).map_err(|error| unreadable(&error))?;
        if read == 0 {
            return Ok(());
        }
        target.write_all(&buffer[..read]).map_err(|error| unwritable(to, &error))?;
        progress.advance(read as u64);
        progress.checkpoint("Nothing was replaced; run the same command again.")?;
    }
}

/// What a backup holds.
struct Contents {
    version: i64,
    events: i64,
    newest: Option<Newest>,
}

/// The newest delivery: what another file took behind it is not in this one.
#[derive(Clone, Copy)]
struct Newest {
    id: i64,
    at: i64,
}

impl Contents {
    fn read(store: &Store, name: &str) -> Result<Self> {
        let version = store.schema_version()?;
        if version == 0 || version > schema::VERSION {
            let message = format!("{name} has schema version {version}; this command knows versions 1 to {}", schema::VERSION);
            return Err(Failure::new(Exit::Failed, message, "Compare the path; a newer version's backup wants a newer command."));
        }
        let number = |sql: &str| store.conn().query_row(sql, [], |row| row.get(0));
        Ok(Self {
            version,
            events: number("SELECT coalesce(sum(n), 0) FROM _knocker_counts WHERE status NOT GLOB '*:*'")?,
            newest: store
                .conn()
                .query_row("SELECT id, received_at FROM _knocker_deliveries ORDER BY id DESC LIMIT 1", [], |row| {
                    Ok(Newest { id: row.get(0)?, at: row.get(1)? })
                })
                .optional()?,
        })
    }

    fn document(&self) -> Value {
        let newest = self.newest;
        json!({"events": self.events, "newest_at": newest.map(|newest| newest.at), "newest_delivery_id": newest.map(|newest| newest.id)})
    }

    fn told(&self, now: i64) -> String {
        let told = |newest: Newest| format!("the newest delivery of {}", moment::show_with_age(newest.at, now));
        let newest = self.newest.map_or("no delivery".into(), told);
        format!("schema {}, {}, {newest}", self.version, count(self.events, "event"))
    }
}
