//! `knocker providers`.

use knocker_core::providers::{self, Provider};
use serde_json::Value;

use crate::context::Context;
use crate::failure::Result;
use crate::printable;
use crate::table::{Table, faint, optional, text};

#[derive(clap::Args)]
pub struct Args {
    /// Describe this one
    name: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Result {
    match &args.name {
        Some(name) => describe(context, providers::find(name)?),
        None => list(context),
    }
}

fn list(context: &Context) -> Result {
    if context.out.json() {
        return providers::all().iter().try_for_each(|provider| context.out.document(provider));
    }
    let mut table = Table::new(&["provider", "title", "scheme"]);
    for provider in providers::all() {
        table.row([text(provider.name), text(provider.title), text(printable::shortened(&provider.scheme(), 60))]);
    }
    context.out.table(table, "no providers")?;
    context.out.line("\n`knocker providers NAME` describes one")
}

fn describe(context: &Context, provider: &Provider) -> Result {
    if context.out.json() {
        return context.out.document(provider);
    }
    let mut facts = Table::new(&[]);
    facts.row([faint("provider"), text(provider.name)]);
    facts.row([faint("title"), text(provider.title)]);
    facts.row([faint("aliases"), listed(provider.aliases)]);
    facts.row([faint("scheme"), text(provider.scheme())]);
    facts.row([faint("methods"), listed(provider.methods)]);
    facts.row([faint("headers"), listed(&provider.headers())]);
    facts.row([faint(if provider.types_closed() { "types" } else { "types, such as" }), text(types(provider))]);
    facts.row([faint("identity"), text(provider.identity())]);
    facts.row([faint("its grain"), text(provider.identity_grain())]);
    facts.row([faint("vouched for by"), text(provider.identity_proof())]);
    facts.row([faint("note"), optional(Some(provider.identity_note()).filter(|note| !note.is_empty()))]);
    facts.row([faint("retries"), text(provider.retries())]);
    facts.row([faint("of a retry"), optional(Some(provider.retry_repeats()).filter(|repeats| !repeats.is_empty()))]);
    facts.row([faint("handshake"), optional(Some(provider.handshake()).filter(|handshake| !handshake.is_empty()))]);
    facts.row([faint("largest body"), optional(provider.largest_body().map(printable::size).as_deref())]);
    facts.row([faint("final statuses"), optional(Some(provider.final_statuses()).filter(|statuses| !statuses.is_empty()))]);
    facts.row([faint("documentation"), text(provider.docs)]);
    facts.row([faint("checked"), text(provider.checked)]);
    context.out.indented_table(facts, "")?;
    context.out.line("\nOptions")?;
    let mut options = Table::new(&["option", "default"]);
    for (name, default) in provider.option_defaults().as_object().into_iter().flatten() {
        let default = match default {
            Value::Null => None,
            Value::String(default) => Some(default.clone()),
            other => Some(other.to_string()),
        };
        options.row([text(name), optional(default)]);
    }
    if options.is_empty() { context.out.line("  none") } else { context.out.indented_table(options, "  ") }
}

/// What a handler can be registered for.
fn types(provider: &Provider) -> String {
    match (provider.types(), provider.types_closed()) {
        ([], true) => "none: only \"*\" hears of its events".into(),
        ([], false) => "what the option type_header or type_path finds".into(),
        (names, _) => names.join(", "),
    }
}

fn listed(names: &[&str]) -> comfy_table::Cell {
    optional((!names.is_empty()).then(|| names.join(", ")))
}
