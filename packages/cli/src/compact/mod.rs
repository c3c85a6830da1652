//! `knocker compact`: gives the room of deleted rows back to the system.

mod log;
mod online;
mod result;
pub mod rewrite;
pub mod space;

use crate::confirm::Consent;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::many::change::{Change, Outcome};
use log::Log;
use result::Compacted;
use space::{Mode, Space};

#[derive(clap::Args)]
pub struct Args {
    /// Write the whole file anew, once, where it cannot give room back otherwise: from then on it can
    #[arg(long)]
    rewrite: bool,

    /// Tell what would be given back, and of a rewrite how long writers would wait and how much room it takes, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not ask
    #[arg(long, short, requires = "rewrite")]
    yes: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let foreseen = |context: &Context| foreseen(context, args.rewrite);
    let work = |context: &Context| work(context, args.rewrite);
    let consent = || if args.rewrite { Consent::require(args.yes, "keeping writers waiting") } else { Ok(Consent::Given) };
    if let Some(files) = context.db_files()? {
        let change = Change { foreseen: &foreseen, work: &work, dry_run: args.dry_run };
        return change.run(context, &files, consent, |sum, files| sum.question(files));
    }
    if args.dry_run {
        return report(context, &foreseen(context)?);
    }
    if consent()? == Consent::Ask {
        let foreseen = foreseen(context)?;
        if foreseen.is_nothing() {
            return report(context, &foreseen);
        }
        Consent::Ask.obtain(&foreseen.question("the file"))?;
    }
    let (compacted, ended) = work(context)?;
    report(context, &compacted)?;
    ended
}

fn foreseen(context: &Context, rewrite: bool) -> Result<Compacted> {
    let (store, path) = (context.reader()?, context.db_path()?);
    let space = Space::read(store.conn(), &path)?;
    match space.mode {
        Mode::None if rewrite => {
            let plan = rewrite::Plan::make(store.conn(), &space)?;
            plan.require_room(&path)?;
            Ok(Compacted::of(&space, space.free_pages).foreseen().rewritten(&plan))
        }
        Mode::None if space.free_pages > 0 => Err(refused()),
        _ => Ok(Compacted::of(&space, space.free_pages).foreseen()),
    }
}

fn work(context: &Context, rewrite: bool) -> Result<(Compacted, Result)> {
    // What is refused is refused before anything about the file changes.
    foreseen(context, rewrite)?;
    let (store, path) = (context.store()?, context.db_path()?);
    let space = Space::read(store.conn(), &path)?;
    let mut log = Log::of(&store, &path)?;
    let (compacted, ended) = match space.mode {
        Mode::None if rewrite => {
            let plan = rewrite::Plan::make(store.conn(), &space)?;
            let done = rewrite::run(store.conn(), &path, &plan);
            // What was written to no avail takes room as well.
            let emptied = log.empty();
            done?;
            emptied?;
            let after = Space::read(store.conn(), &path)?;
            (Compacted::of(&space, space.pages - after.pages).rewritten(&plan), Ok(()))
        }
        // Without, nothing is free. With `auto_vacuum = FULL` each commit gives back what it frees.
        Mode::None | Mode::Full => (Compacted::of(&space, 0), Ok(())),
        Mode::Incremental => {
            let (pages, ended) = online::run(store.conn(), &mut log, &space)?;
            (Compacted::of(&space, pages), ended)
        }
    };
    let settled = log.settle();
    // What ended it is told, and not what became of the log afterwards.
    if ended.is_err() || settled? {
        return Ok((compacted, ended));
    }
    // The connection goes first: who reads is told by a file that it has locks on.
    let litestream = log.litestream;
    drop(store);
    Err(log::held(&path, &compacted, litestream))
}

fn refused() -> Failure {
    let message = "this file cannot give room back while it is in use: its auto_vacuum is off, as it is unless somebody sets it";
    let hint = "`knocker compact --rewrite --dry-run` tells for how long writers would wait while it is switched on, once. New rows use the free room in any case.";
    Failure::new(Exit::Failed, message, hint)
}

fn report(context: &Context, compacted: &Compacted) -> Result {
    if context.out.json() {
        return context.out.document(compacted);
    }
    context.out.line(if compacted.is_nothing() { compacted.nothing().into() } else { compacted.told() })?;
    compacted.trap().map_or(Ok(()), |trap| context.out.line(trap))
}
