//! `knocker replay`, `requeue` and `ignore`: one event by its id, or many by a filter.

use knocker_core::bulk::BulkResult;
use knocker_core::chunks::Chunks;
use knocker_core::operate::{Action, ActionOptions};
use serde::Serialize;

use crate::confirm::Consent;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::filter::{Filter, Period};
use crate::many::change::{Change, Outcome};
use crate::many::list;
use crate::printable::count;
use crate::progress::{Unit, in_chunks};

/// Which events, where no id is given. That none of it stands beside an id is seen here and not by the parser, which could not say why.
#[derive(clap::Args)]
pub struct Selection {
    /// Events in this status; several separated by commas
    #[arg(long, short, value_delimiter = ',')]
    status: Vec<String>,

    /// Events of this endpoint
    #[arg(long, short)]
    endpoint: Option<String>,

    /// Events of this type, exact or as prefix.*
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    event_type: Option<String>,

    #[command(flatten)]
    period: Period,

    /// At most this many, oldest first [default: 1000]
    #[arg(long, short = 'n')]
    limit: Option<i64>,

    /// Tell what would happen and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Also take events that wait or are being worked on; their workers find the lease lost
    ///
    /// Many events by a filter only where --status names received or processing.
    #[arg(long)]
    force: bool,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Selection {
    fn options(&self) -> ActionOptions {
        ActionOptions { force: self.force }
    }

    /// The first flag that makes sense for many events alone.
    fn flag_of_many(&self) -> Option<&'static str> {
        let given = [
            ("--status", !self.status.is_empty()),
            ("--endpoint", self.endpoint.is_some()),
            ("--type", self.event_type.is_some()),
            ("--since", self.period.since.is_some()),
            ("--until", self.period.until.is_some()),
            ("--limit", self.limit.is_some()),
            ("--dry-run", self.dry_run),
        ];
        given.into_iter().find_map(|(flag, given)| given.then_some(flag))
    }

    /// Refuses such a flag beside what names one row, and says why, and how to `look` at it.
    fn refuse_beside(&self, what: &str, instead: &'static str, look: &str) -> Result {
        match self.flag_of_many() {
            None => Ok(()),
            Some("--dry-run") => {
                let message = format!("{what} was given with --dry-run, which tells how many events a filter takes");
                Err(Failure::usage(message, format!("Look at it with `{look}`, or leave out --dry-run.")))
            }
            Some(flag) => Err(Failure::usage(format!("{what} was given with {flag}, which chooses among many events"), instead)),
        }
    }
}

#[derive(clap::Args)]
pub struct ReplayArgs {
    /// The id of the event
    id: Option<i64>,

    /// Replay the events of this delivery, on its own body
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    delivery: Option<i64>,

    #[command(flatten)]
    selection: Selection,
}

#[derive(clap::Args)]
pub struct RequeueArgs {
    /// The id of the event
    id: Option<i64>,

    #[command(flatten)]
    selection: Selection,
}

#[derive(clap::Args)]
pub struct IgnoreArgs {
    /// The id of the event
    id: Option<i64>,

    /// Why, kept with the event
    #[arg(long)]
    reason: Option<String>,

    #[command(flatten)]
    selection: Selection,
}

pub fn replay(context: &Context, args: &ReplayArgs) -> Result {
    if let Some(delivery_id) = args.delivery {
        let instead = "Name one delivery with --delivery, or many events by a filter.";
        args.selection.refuse_beside("--delivery", instead, &format!("knocker why delivery {delivery_id}"))?;
        refuse_id(context, "--delivery")?;
        let replayed = context.store()?.replay_delivery(delivery_id, &args.selection.options(), context.now)?;
        if context.out.json() {
            return context.out.document(&replayed);
        }
        let ids: Vec<String> = replayed.event_ids.iter().map(i64::to_string).collect();
        return context.out.line(format_args!("delivery {delivery_id}: event {} received again, with its body", ids.join(", ")));
    }
    run(context, Action::Replay, args.id, None, &args.selection)
}

pub fn requeue(context: &Context, args: &RequeueArgs) -> Result {
    run(context, Action::Requeue, args.id, None, &args.selection)
}

pub fn ignore(context: &Context, args: &IgnoreArgs) -> Result {
    if args.reason.is_some() && args.id.is_none() {
        let hint = "Name the event: `knocker ignore ID --reason …`, or leave the reason out.";
        return Err(Failure::usage("--reason is kept with one event, and no id was given", hint));
    }
    run(context, Action::Ignore, args.id, args.reason.as_deref(), &args.selection)
}

fn run(context: &Context, action: Action, id: Option<i64>, reason: Option<&str>, selection: &Selection) -> Result {
    match id {
        Some(id) => operate_one(context, action, id, reason, selection),
        None => operate_many(context, action, selection),
    }
}

/// Refuses what names a row of one file where there are many.
fn refuse_id(context: &Context, what: &str) -> Result {
    let hint = "Name the file with --db; or many events by --status, --endpoint, --type, --since or --until.";
    list::refuse_id(context.db_files()?.is_some(), what, hint)
}

fn operate_one(context: &Context, action: Action, id: i64, reason: Option<&str>, selection: &Selection) -> Result {
    selection.refuse_beside("an id", "Name one event by its id, or many by a filter.", &format!("knocker why {id}"))?;
    refuse_id(context, "an id")?;
    let operated = context.store()?.operate(action, id, reason, &selection.options(), context.now)?;
    if context.out.json() {
        return context.out.document(&operated);
    }
    let so = if operated.changed { "is now" } else { "was already" };
    context.out.line(format_args!("event {id} {so} {}", operated.status.name()))
}

fn operate_many(context: &Context, action: Action, selection: &Selection) -> Result {
    let mut filter = Filter::default();
    filter
        .set_list("status", &selection.status)
        .set("endpoint", selection.endpoint.clone())
        .set("type", selection.event_type.clone())
        .set("since", selection.period.since)
        .set("until", selection.period.until);
    if filter.is_empty() {
        let hint = "Give the id of an event, or --status, --endpoint, --type, --since or --until.";
        return Err(Failure::usage("which events?", hint));
    }
    filter.set("limit", selection.limit).set("force", selection.force.then_some(true));
    let verb = verb(action);
    let foreseen = |context: &Context| -> Result<Operated> {
        let result = context.reader()?.operate_where(action, &filter.to_json(true), context.now)?;
        Ok(Operated { result, past: verb.past })
    };
    let work = |context: &Context| -> Result<(Operated, Result)> {
        let work =
            |chunks: &mut Chunks| Ok(context.store()?.operate_where_in_chunks(action, &filter.to_json(false), context.now, chunks)?);
        let (result, ended) = in_chunks(verb.present, Unit::Items("event"), work)?;
        Ok((Operated { result, past: verb.past }, ended))
    };
    if let Some(files) = context.db_files()? {
        let change = Change { foreseen: &foreseen, work: &work, dry_run: selection.dry_run };
        let consent = || Consent::require(selection.yes, &format!("{} events of many files", verb.present));
        let question = |sum: &Operated, files: &str| format!("{} {} in {files}?", verb.imperative, count(sum.result.matched, "event"));
        return change.run(context, &files, consent, question);
    }
    if selection.dry_run {
        return report(context, &foreseen(context)?);
    }
    let consent = Consent::require(selection.yes, &format!("{} many events", verb.present))?;
    if consent == Consent::Ask {
        let foreseen = foreseen(context)?;
        if foreseen.is_nothing() {
            return report(context, &foreseen);
        }
        consent.obtain(&format!("{} {}?", verb.imperative, count(foreseen.result.matched, "event")))?;
    }
    let (result, ended) = work(context)?;
    report(context, &result)?;
    ended
}

struct Verb {
    imperative: &'static str,
    present: &'static str,
    past: &'static str,
}

fn verb(action: Action) -> Verb {
    match action {
        Action::Replay => Verb { imperative: "Replay", present: "replaying", past: "replayed" },
        Action::Requeue => Verb { imperative: "Requeue", present: "requeueing", past: "requeued" },
        Action::Ignore => Verb { imperative: "Ignore", present: "ignoring", past: "ignored" },
    }
}

/// What a bulk action came to, with the word for it.
#[derive(Clone, Serialize)]
struct Operated {
    #[serde(flatten)]
    result: BulkResult,
    #[serde(skip)]
    past: &'static str,
}

fn report(context: &Context, operated: &Operated) -> Result {
    if context.out.json() {
        return context.out.document(operated);
    }
    context.out.line(if operated.is_nothing() { operated.nothing().into() } else { operated.told() })?;
    operated.more().map_or(Ok(()), |more| context.out.line(more))
}

impl Outcome for Operated {
    fn add(&mut self, other: &Self) {
        self.result.matched += other.result.matched;
        self.result.changed += other.result.changed;
        self.result.more |= other.result.more;
    }

    fn is_nothing(&self) -> bool {
        self.result.matched == 0
    }

    fn told(&self) -> String {
        match &self.result {
            BulkResult { dry_run: true, matched, .. } => format!("dry run: {} would be {}", count(*matched, "event"), self.past),
            BulkResult { changed, .. } => format!("{} {}", count(*changed, "event"), self.past),
        }
    }

    fn nothing(&self) -> &'static str {
        "no event matches; nothing was changed"
    }

    fn more(&self) -> Option<&'static str> {
        self.result.more.then_some("more events match: run it again, or raise --limit")
    }
}
