//! `knocker why`: the story of one webhook in plain words.

mod absent;
mod around;
mod delivery;
mod event;
mod pace;
mod request;
mod retention;
mod search;
mod story;

use knocker_core::Store;

use self::absent::Missing;
use self::search::{Mark, Search};
use self::story::Story;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::moment;
use crate::printable::count;
use crate::shell::quoted;

/// What to explain.
#[derive(clap::Args)]
pub struct Args {
    /// `event 3`, `delivery 7`, or a number alone, which is an event
    #[arg(value_name = "SUBJECT", num_args = 0..=2)]
    subject: Vec<String>,

    /// The event with this key: the identity that dedupe uses, such as evt_123
    #[arg(long, value_name = "KEY", conflicts_with = "subject")]
    key: Option<String>,

    /// The newest delivery with this id of the provider's
    #[arg(long, value_name = "ID", conflicts_with_all = ["subject", "key"])]
    provider_id: Option<String>,

    /// The newest delivery whose body contains this text
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["subject", "key", "provider_id"])]
    body_contains: Option<String>,

    /// Only of this endpoint; alone, or with --at: what came to it
    #[arg(long, short, conflicts_with = "subject")]
    endpoint: Option<String>,

    /// When it should have come (RFC 3339 or an age): for what is not there
    #[arg(long, value_name = "TIME", value_parser = moment::parse, conflicts_with = "subject")]
    at: Option<i64>,

    /// Search deliveries before this id: the next part of a search
    #[arg(long, value_name = "ID", conflicts_with_all = ["subject", "key"])]
    before: Option<i64>,

    /// Search so many deliveries at most (and a gibibyte of bodies)
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(i64).range(1..))]
    scan: i64,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let store = context.reader()?;
    let missing = |what: String| Missing { what, endpoint: args.endpoint.as_deref(), at: args.at };
    if !args.subject.is_empty() {
        return by_id(context, &store, &args.subject);
    }
    if let Some(key) = &args.key {
        return match search::by_key(&store, key, args.endpoint.as_deref())?.as_slice() {
            [] => not_there(context, &store, args, missing(format!("No event in this file has the key {key}")), key),
            [newest, others @ ..] => {
                let mut story = event::story(context, &store, *newest)?;
                for other in others.iter().take(5) {
                    story.command(context, &format!("why event {other}"), "another endpoint's event with the same key");
                }
                story.tell(context)
            }
        };
    }
    if let Some(id) = &args.provider_id {
        // Most providers' id is the key as well, which an index finds.
        if args.before.is_none()
            && let Some(&event) = search::by_key(&store, id, args.endpoint.as_deref())?.first()
        {
            return event::story(context, &store, event)?.tell(context);
        }
        let said = format!("No delivery has the provider's id {id}");
        return search(context, &store, args, Mark::ProviderId(id), said, &format!("--provider-id {}", quoted(id)));
    }
    if let Some(text) = &args.body_contains {
        if text.is_empty() {
            return Err(Failure::usage("--body-contains is empty", "Give a text that stands in the body, such as an order's number."));
        }
        let said = format!("No body contains {text:?}");
        return search(context, &store, args, Mark::Body(text), said, &format!("--body-contains {}", quoted(text)));
    }
    if let Some(name) = &args.endpoint {
        let at = args.at.map(|at| format!(" around {} UTC", moment::show(at))).unwrap_or_default();
        let missing = Missing { what: format!("What is known of {name}{at}"), endpoint: Some(name), at: args.at };
        absent::story(context, &store, &missing)?.tell(context)?;
        store.find_endpoint(name)?;
        return Ok(());
    }
    let hint = "`knocker why event 3`, `knocker why delivery 7`, or --key, --provider-id, --body-contains, or --endpoint with --at.";
    Err(Failure::usage("what is to be explained?", hint))
}

fn by_id(context: &Context, store: &Store, subject: &[String]) -> Result {
    let id = |text: &str| {
        text.parse::<i64>().map_err(|_| {
            let hint =
                format!("Ids are numbers. For an id of the provider's: `knocker why --key {0}`, or --provider-id {0}.", quoted(text));
            Failure::usage(format!("{text:?} is no id of an event or a delivery"), hint)
        })
    };
    let story: Story = match subject {
        [kind, number] if kind == "event" => event::story(context, store, id(number)?)?,
        [kind, number] if kind == "delivery" => delivery::story(context, store, id(number)?, None)?,
        [number] => {
            let mut story = event::story(context, store, id(number)?)?;
            story.command(context, &format!("why delivery {number}"), "if the number was a delivery's");
            story
        }
        _ => return Err(Failure::usage("a subject is `event ID`, `delivery ID` or an event's id alone", "`knocker why delivery 7`.")),
    };
    story.tell(context)
}

/// Walks over deliveries, and tells of the newest one that has the mark.
fn search(context: &Context, store: &Store, args: &Args, mark: Mark, said: String, flag: &str) -> Result {
    if let Some(name) = &args.endpoint {
        store.find_endpoint(name)?;
    }
    let walk = Search { mark, endpoint: args.endpoint.as_deref(), before: args.before, most: args.scan };
    let searched = walk.run(store)?;
    let at_the_end = search::is_at_the_end(store, searched.down_to)?;
    let endpoint = args.endpoint.as_deref().map(|name| format!(" --endpoint {}", quoted(name))).unwrap_or_default();
    let go_on = format!("why {flag}{endpoint} --before {}", searched.down_to);
    let Some(found) = searched.found else {
        let far = format!("looked at {} back to id {}", count(searched.passed, "delivery"), searched.down_to);
        let what = if at_the_end {
            format!("{said}: {far}, which is the oldest")
        } else {
            format!("{said} so far: {far}, and there are older ones")
        };
        let missing = Missing { what, endpoint: args.endpoint.as_deref(), at: args.at };
        let mut story = absent::story(context, store, &missing)?;
        if !at_the_end {
            story.command(context, &go_on, "search on");
        }
        story.tell(context)?;
        return Err(Failure::new(Exit::NotFound, "nothing was found", "The story above says what came instead."));
    };
    let part = match mark {
        Mark::Body(part) => Some(part),
        Mark::ProviderId(_) => None,
    };
    let mut story = delivery::story(context, store, found, part)?;
    if !at_the_end {
        story.command(context, &go_on, "search on: the next older one");
    }
    story.tell(context)
}

/// Tells what is known of a key that no event has.
fn not_there(context: &Context, store: &Store, args: &Args, missing: Missing, key: &str) -> Result {
    let mut story = absent::story(context, store, &missing)?;
    let endpoint = args.endpoint.as_deref().map(|name| format!(" --endpoint {}", quoted(name))).unwrap_or_default();
    story.command(context, &format!("why --body-contains {}{endpoint}", quoted(key)), "look for it in the bodies, refused ones too");
    story.tell(context)?;
    Err(Failure::new(Exit::NotFound, format!("no event has the key {key:?}"), "The story above says what came instead."))
}
