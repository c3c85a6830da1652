//! `knocker backup`: a copy of the file while it is in use.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use knocker_core::Store;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::beside::with_suffix;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::file_id;
use crate::in_use::holders;
use crate::printable::size;
use crate::progress::{Progress, Unit};

/// Pages that are copied between two looks at an interrupt.
const STEP: i32 = 1024;

#[derive(clap::Args)]
pub struct Args {
    /// Where the copy goes
    file: PathBuf,

    /// Replace a file that is there; it stays whole until the copy is complete and checked
    #[arg(long)]
    overwrite: bool,

    /// Tell what would be copied and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let path = context.db_path()?;
    let store = context.reader()?;
    let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: i64 = store.conn().query_row(sql, [], |row| row.get(0))?;
    drop(store);
    if args.dry_run {
        refuse_to_overwrite(&path, &args.file, args.overwrite)?;
    } else {
        copy(&path, &args.file, args.overwrite)?;
    }
    if context.out.json() {
        return context.out.document(&json!({"file": args.file, "bytes": bytes, "dry_run": args.dry_run}));
    }
    let done = if args.dry_run { "dry run: about" } else { "copied, checked and synced" };
    context.out.line(format_args!("{}: {done} {}", args.file.display(), size(bytes)))
}

/// Copies the file as it is at one moment, checks the copy, and has it on the disk before it gets its name. Writers go on meanwhile.
pub fn copy(from: &Path, to: &Path, overwrite: bool) -> Result {
    refuse_to_overwrite(from, to, overwrite)?;
    let partial = Partial::beside(to)?;
    copy_pages(from, &partial.0)?;
    check(&partial.0, "the copy", "The source is damaged as well: `knocker doctor --integrity` tells where.")?;
    partial.into_place(to)
}

/// What processes have open is no place for a copy: they would go on with a file that has no name any more, and lose what they write.
fn refuse_to_overwrite(from: &Path, to: &Path, overwrite: bool) -> Result {
    let another = "Name another file: a backup takes the place of none that is in use.";
    if file_id::same(from, to) {
        return Err(Failure::usage(format!("{} is the file that is to be backed up", to.display()), another));
    }
    if to.exists() && !overwrite {
        let hint = "Name another file, or add --overwrite.";
        return Err(Failure::new(Exit::Failed, format!("{} is there already", to.display()), hint));
    }
    let users = holders(to);
    if !users.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("{} is open in {}", to.display(), users.join(", ")), another));
    }
    Ok(())
}

fn copy_pages(from: &Path, to: &Path) -> Result {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    source.busy_timeout(std::time::Duration::from_secs(5))?;
    source.pragma_update(None, "query_only", true)?;
    // A transaction that reads: without it each commit of another process starts the copy anew, and a busy file is never done.
    let wal = source.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0))? == "wal";
    if wal {
        source.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1;")?;
    }
    let mut target = Connection::open(to)?;
    // One sync at the end is enough for a file that has no name yet.
    target.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;")?;
    let page_size: u64 = source.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))? as u64;
    let backup = Backup::new(&source, &mut target)?;
    let progress = Progress::start("copying", Unit::Bytes, Some(0));
    loop {
        match backup.step(STEP)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // A writer of a file without WAL.
            _ => std::thread::sleep(std::time::Duration::from_millis(5)),
        }
        let pages = backup.progress();
        progress.set((pages.pagecount - pages.remaining) as u64 * page_size, pages.pagecount as u64 * page_size);
        progress.checkpoint("No copy was left behind; run the same command again.")?;
    }
}

/// Opens the copy as its users would and reads every page. `name` is what it is called, `cure` what helps where it is damaged.
pub fn check(path: &Path, name: &str, cure: &'static str) -> Result {
    let store = open_unchanged(path)?;
    let said = store.conn().query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).unwrap_or_else(|error| error.to_string());
    if said == "ok" { Ok(()) } else { Err(Failure::new(Exit::Failed, format!("{name} is damaged: {said}"), cure)) }
}

/// Opens a file that nobody else uses, so that not even a log is made beside it.
pub fn open_unchanged(path: &Path) -> Result<Store> {
    let escaped: String = path
        .canonicalize()
        .map_err(|error| Failure::unreadable(&format!("{}", path.display()), &error))?
        .to_string_lossy()
        .chars()
        .flat_map(|character| match character {
            '%' => vec!['%', '2', '5'],
            '?' => vec!['%', '3', 'f'],
            '#' => vec!['%', '2', '3'],
            other => vec![other],
        })
        .collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Store::new(Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?))
}

/// A file under construction, which goes where it is not completed.
pub struct Partial(pub PathBuf);

impl Partial {
    /// An empty file in the folder of `to`, so that it can take its name in one step.
    pub fn beside(to: &Path) -> Result<Self> {
        let name = to.file_name().ok_or_else(|| Failure::usage(format!("{} is no name of a file", to.display()), "Name the file."))?;
        let partial = to.with_file_name(format!(".{}.partial-{}", name.to_string_lossy(), std::process::id()));
        let mut options = File::options();
        options.write(true).create_new(true);
        // Bodies of webhooks are nobody else's business.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&partial).map_err(|error| unwritable(&partial, &error))?;
        Ok(Self(partial))
    }

    /// Syncs it and gives it its name. What belonged to a file of that name before, its log, goes first: it would be replayed into this one.
    pub fn into_place(self, to: &Path) -> Result {
        let done = || -> io::Result<()> {
            File::options().write(true).open(&self.0)?.sync_all()?;
            for suffix in ["-wal", "-shm"] {
                match fs::remove_file(with_suffix(to, suffix)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            fs::rename(&self.0, to)?;
            // The name is on the disk when its folder is.
            #[cfg(unix)]
            File::open(to.canonicalize()?.parent().unwrap_or(Path::new("/")))?.sync_all()?;
            Ok(())
        };
        done().map_err(|error| unwritable(to, &error))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let _ = fs::remove_file(with_suffix(&self.0, suffix));
        }
    }
}

pub fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        format!("cannot write {}: {error}", path.display()),
        "Check the path, the permissions and the room on the disk.",
    )
}
