//! `knocker endpoint`.

use clap::{Args, Subcommand};
use knocker_core::{Store, providers};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::options::OptionArgs;
use crate::printable;
use crate::rows::{Row, select};
use crate::table::{Table, faint, number, optional, text};

/// What to do with endpoints.
#[derive(Subcommand)]
pub enum Command {
    /// Create an endpoint, or change the settings of one
    Add(Box<AddArgs>),
    /// List the endpoints
    List,
    /// Answer receipts with 410 from now on
    Disable {
        /// The endpoint
        name: String,
    },
    /// Take receipts again
    Enable {
        /// The endpoint
        name: String,
    },
}

/// The settings. One that is left out keeps its value; a new endpoint gets the default.
#[derive(Args)]
pub struct AddArgs {
    /// Its name, which stands in the URL: 1 to 64 characters of a-z A-Z 0-9 _ . -
    name: String,

    /// The provider whose requests it takes; without one it takes trusted ingress only
    #[arg(long, short)]
    provider: Option<String>,

    #[command(flatten)]
    options: OptionArgs,

    /// Attempts before an event is dead [default: 10]
    #[arg(long, value_name = "N")]
    max_attempts: Option<i64>,

    /// Seconds to wait after the first failed attempt [default: 5]
    #[arg(long, value_name = "SECONDS")]
    backoff_base: Option<f64>,

    /// What each further attempt multiplies the wait by [default: 4]
    #[arg(long, value_name = "FACTOR")]
    backoff_factor: Option<f64>,

    /// The longest wait in seconds [default: 21600]
    #[arg(long, value_name = "SECONDS")]
    backoff_cap: Option<f64>,

    /// Larger bodies are refused before verification [default: what the provider documents, at least 1048576]
    #[arg(long, value_name = "BYTES")]
    max_body_bytes: Option<i64>,

    /// What becomes of an event that no handler wants: retry, dead or ignore [default: retry]
    #[arg(long, value_name = "WHAT")]
    unhandled: Option<String>,

    /// What a duplicate does to a dead event: keep or requeue_dead [default: keep]
    #[arg(long, value_name = "WHAT")]
    on_redelivery: Option<String>,

    /// Refused receipts beyond this number an hour are only counted [default: 1000]
    #[arg(long, value_name = "N")]
    invalid_per_hour: Option<i64>,

    /// Refused deliveries that are kept in all; those beyond are only counted [default: 10000]
    #[arg(long, value_name = "N")]
    max_refused: Option<i64>,

    /// Bytes that they take at most [default: 134217728]
    #[arg(long, value_name = "BYTES")]
    max_refused_bytes: Option<i64>,

    /// Events that one delivery creates at most; a larger batch is one event [default: 10000]
    #[arg(long, value_name = "N")]
    max_batch_events: Option<i64>,
}

pub fn run(context: &Context, command: &Command) -> Result {
    match command {
        Command::Add(args) => add(context, args),
        Command::List => list(context),
        Command::Disable { name } => switch(context, name, false),
        Command::Enable { name } => switch(context, name, true),
    }
}

fn add(context: &Context, args: &AddArgs) -> Result {
    let store = context.store()?;
    configure(context, &store, &args.name, |stored| {
        let mut config = Map::new();
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                config.insert(key.to_owned(), value);
            }
        };
        set("provider", args.provider.clone().map(Value::from));
        set("options", options(args, stored)?);
        set("max_attempts", args.max_attempts.map(Value::from));
        set("backoff", backoff(args, stored));
        set("max_body_bytes", args.max_body_bytes.map(Value::from));
        set("unhandled", args.unhandled.clone().map(Value::from));
        set("on_redelivery", args.on_redelivery.clone().map(Value::from));
        set("invalid_per_hour", args.invalid_per_hour.map(Value::from));
        set("max_refused", args.max_refused.map(Value::from));
        set("max_refused_bytes", args.max_refused_bytes.map(Value::from));
        set("max_batch_events", args.max_batch_events.map(Value::from));
        Ok(config)
    })
}

fn switch(context: &Context, name: &str, enabled: bool) -> Result {
    let store = context.store()?;
    // The core would create an endpoint that does not exist.
    store.find_endpoint(name)?;
    configure(context, &store, name, |_| Ok(Map::from_iter([("enabled".into(), enabled.into())])))
}

/// Stores settings and tells what they did. `config` gets the settings as they were.
fn configure(
    context: &Context,
    store: &Store,
    name: &str,
    config: impl FnOnce(Option<&knocker_core::settings::EndpointSettings>) -> Result<Map<String, Value>>,
) -> Result {
    let before = find(store, name)?;
    let stored = if before.is_some() { Some(store.find_endpoint(name)?) } else { None };
    let config = config(stored.as_deref().map(|endpoint| &endpoint.config))?;
    store.endpoint(name, &Value::Object(config).to_string(), context.now)?;
    let after = find(store, name)?;
    let change = match &before {
        None => "created",
        Some(_) if before == after => "unchanged",
        Some(_) => "changed",
    };
    let mut row = after.expect("it was stored just now");
    if context.out.json() {
        row.push("change", change.into());
        return context.out.document(&row);
    }
    context.out.line(format_args!("endpoint {name}: {change}"))
}

fn options(args: &AddArgs, stored: Option<&knocker_core::settings::EndpointSettings>) -> Result<Option<Value>> {
    if args.options.is_empty() {
        return Ok(None);
    }
    let stored_provider = stored.and_then(|config| config.provider.as_deref());
    let name = args.provider.as_deref().or(stored_provider);
    let name = name.ok_or_else(|| Failure::usage("options belong to a provider, and the endpoint has none", "Add --provider NAME."))?;
    let provider = providers::find(name)?;
    // Options of another provider mean nothing to this one.
    let base = stored.filter(|_| stored_provider == Some(provider.name)).map(|config| config.options.clone());
    Ok(Some(Value::Object(args.options.over(base.unwrap_or_default(), provider)?)))
}

fn backoff(args: &AddArgs, stored: Option<&knocker_core::settings::EndpointSettings>) -> Option<Value> {
    if [args.backoff_base, args.backoff_factor, args.backoff_cap].iter().all(Option::is_none) {
        return None;
    }
    let stored = stored.map(|config| config.backoff).unwrap_or_default();
    Some(json!({
        "base_s": args.backoff_base.unwrap_or(stored.base_s),
        "factor": args.backoff_factor.unwrap_or(stored.factor),
        "cap_s": args.backoff_cap.unwrap_or(stored.cap_s),
    }))
}

fn find(store: &Store, name: &str) -> Result<Option<Row>> {
    Ok(select(store.conn(), "SELECT * FROM knocker_endpoints WHERE name = ?1", [name])?.pop())
}

fn list(context: &Context) -> Result {
    let store = context.reader()?;
    let endpoints = select(store.conn(), "SELECT * FROM knocker_endpoints ORDER BY id", [])?;
    if context.out.json() {
        return context.out.documents(&endpoints);
    }
    let mut table = Table::new(&["endpoint", "provider", "enabled", "attempts", "backoff", "body limit", "options"]);
    for endpoint in &endpoints {
        let enabled = endpoint.get("enabled") == &Value::Bool(true);
        let backoff = |key: &str| endpoint.get("backoff")[key].as_f64().unwrap_or_default();
        table.row([
            text(endpoint.text("name").unwrap_or_default()),
            optional(endpoint.text("provider")),
            if enabled { text("yes") } else { faint("no") },
            number(endpoint.whole("max_attempts").unwrap_or_default()),
            text(format!("{} s × {}, at most {} s", backoff("base_s"), backoff("factor"), backoff("cap_s"))),
            text(printable::size(endpoint.whole("max_body_bytes").unwrap_or_default())),
            optional(Some(endpoint.get("options").to_string()).filter(|options| options != "{}")),
        ]);
    }
    context.out.table(table, "no endpoints yet: `knocker endpoint add NAME --provider PROVIDER` creates one")
}
