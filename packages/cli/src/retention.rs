//! `knocker retention` and `knocker retain`.

use knocker_core::chunks::Chunks;
use knocker_core::retention::{RetentionPass, RetentionPolicy};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::filter::Filter;
use crate::many;
use crate::many::change::Outcome;
use crate::moment::{self, parse_age};
use crate::printable::count;
use crate::progress::{Unit, in_chunks};
use crate::rows::select;
use crate::table::{Table, optional, text};

/// How long rows are kept. What is left out is kept for ever. Without any flag the stored policies are listed.
#[derive(clap::Args)]
pub struct Args {
    /// The policy of this endpoint; without it, of every endpoint that has none of its own
    #[arg(long, short)]
    endpoint: Option<String>,

    /// Keep handled events this long after their last activity, such as 30d
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    handled: Option<i64>,

    /// Keep ignored events this long
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    ignored: Option<i64>,

    /// Keep dead events this long
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    dead: Option<i64>,

    /// Keep deliveries that no event needs this long
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    deliveries: Option<i64>,

    /// Keep records of prunes this long
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    audits: Option<i64>,

    /// Time between passes [default: 1h]
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    interval: Option<i64>,

    /// Rows of a kind that one pass deletes at most [default: 1000]
    #[arg(long, short = 'n')]
    limit: Option<i64>,

    /// Remove the policy: keep everything
    #[arg(long, conflicts_with_all = ["handled", "ignored", "dead", "deliveries", "audits", "interval", "limit"])]
    remove: bool,
}

/// Stores the policy in place of the former one, removes it, or lists what is stored.
pub fn run(context: &Context, args: &Args) -> Result {
    if args.nothing_given() {
        return list(context);
    }
    let mut given = Filter::default();
    given
        .set("handled_s", args.handled)
        .set("ignored_s", args.ignored)
        .set("dead_s", args.dead)
        .set("deliveries_s", args.deliveries)
        .set("audits_s", args.audits);
    if given.is_empty() && !args.remove {
        let hint = "Give --handled, --ignored, --dead, --deliveries or --audits with an age; or --remove.";
        return Err(Failure::usage("a policy without an age keeps everything", hint));
    }
    given.set("endpoint", args.endpoint.clone()).set("interval_s", args.interval).set("limit", args.limit);
    let policy = RetentionPolicy::parse(&given.to_document())?;
    context.store()?.retention(&policy, context.now)?;
    if context.out.json() {
        return context.out.document(&policy);
    }
    let of = policy.endpoint.as_deref().map_or_else(|| "every endpoint without its own".into(), |name| format!("endpoint {name}"));
    let done = if args.remove { "removed" } else { "stored; `knocker retain` runs the pass that is due" };
    context.out.line(format_args!("retention policy of {of}: {done}"))
}

impl Args {
    fn nothing_given(&self) -> bool {
        let numbers = [self.handled, self.ignored, self.dead, self.deliveries, self.audits, self.interval, self.limit];
        self.endpoint.is_none() && !self.remove && numbers.iter().all(Option::is_none)
    }
}

fn list(context: &Context) -> Result {
    let store = context.reader()?;
    let policies = select(store.conn(), "SELECT endpoint, policy, next_run_at FROM knocker_policies ORDER BY id", [])?;
    if context.out.json() {
        return context.out.documents(&policies);
    }
    let mut table = Table::new(&["endpoint", "handled", "ignored", "dead", "deliveries", "audits", "next pass (utc)"]);
    for row in &policies {
        let age = |key: &str| optional(row.get("policy")[key].as_i64().map(|seconds| moment::duration(seconds * 1000)));
        table.row([
            text(row.text("endpoint").unwrap_or("(every other)")),
            age("handled_s"),
            age("ignored_s"),
            age("dead_s"),
            age("deliveries_s"),
            age("audits_s"),
            text(moment::show(row.whole("next_run_at").unwrap_or_default())),
        ]);
    }
    context.out.table(table, "no policy is stored: everything is kept")
}

/// Runs the pass that is due, if any.
pub fn retain(context: &Context) -> Result {
    let work = |context: &Context| {
        let work = |chunks: &mut Chunks| Ok(context.store()?.retain_in_chunks(context.now, chunks)?);
        in_chunks("deleting", Unit::Items("row"), work)
    };
    if let Some(files) = context.db_files()? {
        let (retained, ended) = many::in_turn(context, &files, work)?;
        return many::change::end(context, &retained, files.len(), ended);
    }
    let (retained, ended) = work(context)?;
    report(context, &retained)?;
    ended
}

fn report(context: &Context, retained: &RetentionPass) -> Result {
    if context.out.json() {
        return context.out.document(retained);
    }
    if !retained.ran {
        return context.out.line(retained.nothing());
    }
    context.out.line(retained.told())?;
    retained.more().map_or(Ok(()), |more| context.out.line(more))
}

impl Outcome for RetentionPass {
    fn add(&mut self, other: &Self) {
        self.ran |= other.ran;
        self.pruned += other.pruned;
        self.more |= other.more;
    }

    fn is_nothing(&self) -> bool {
        !self.ran
    }

    fn told(&self) -> String {
        let pruned = &self.pruned;
        format!(
            "deleted {}, {}, {} and {}",
            count(pruned.events, "event"),
            count(pruned.deliveries, "delivery"),
            count(pruned.attempts, "attempt"),
            count(pruned.audits, "prune record"),
        )
    }

    fn nothing(&self) -> &'static str {
        "no pass is due"
    }

    fn more(&self) -> Option<&'static str> {
        self.more.then_some("more is that old: run it again")
    }
}
