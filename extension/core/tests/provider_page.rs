//! `docs/providers.md` and `docs/build/providers.json`, of which the site makes a page for each provider, are generated from the code:
//! `make docs-pages` writes them, these tests say when they are out of date.

use std::fmt::Write;
use std::path::PathBuf;

use knocker_core::providers::{self, Provider, Reason};
use serde_json::{Map, Value, json};

fn page() -> String {
    let mut page = String::from(
        "# Providers\n\n\
         <!-- Written by `make docs-pages` from the code; do not edit. -->\n\n\
         What each provider's verification checks, what identifies an occurrence for dedupe, and which options there are. A request with another method than\n\
         the provider's is answered 405 and not stored. The same facts are rows of\n\
         `SELECT * FROM knocker_providers`, and `knocker providers NAME` prints them.\n\n\
         | provider | scheme | methods | headers | handshake | options | checked |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for provider in providers::all() {
        writeln!(page, "{}", row(provider)).unwrap();
    }
    page.push_str(&types());
    page.push_str(&identities());
    page.push_str(&sizes());
    page
}

/// What a handler is registered for.
fn types() -> String {
    let mut section = String::from(
        "\n## Types\n\n\
         What to write in `on(…)`: a type as it stands here, `prefix.*` for all that begin with `prefix.`, `*` for every event. Where the list is\n\
         **whole**, it is what the provider documented when the page was checked, and the packages warn of a handler for another type. Else these are\n\
         examples, and the provider's documentation has the rest.\n\n\
         | provider | whole | types |\n\
         |---|---|---|\n",
    );
    for provider in providers::all() {
        let names: Vec<_> = provider.types().iter().map(|name| format!("`{name}`")).collect();
        let types = match (names.is_empty(), provider.types_closed()) {
            (true, true) => "none: only `*` hears of its events".to_owned(),
            (true, false) => "what the option `type_header` or `type_path` finds".to_owned(),
            (false, _) => names.join(", "),
        };
        let whole = if provider.types_closed() { "yes" } else { "" };
        writeln!(section, "{}", line([provider.title.to_owned(), whole.to_owned(), types])).unwrap();
    }
    section
}

/// What each identity is worth, and why.
fn identities() -> String {
    let mut section = String::from(
        "\n## Identity and retries\n\n\
         Losing an event is worse than handling it twice. So two receipts are one event only where something says so: an id of the occurrence, or the\n\
         digest (SHA-256) of the signed bytes, in a batch of the item, where they hold an id or a time of it. An identity that cannot tell two occurrences\n\
         of one second, or of one version of an object, apart also takes that digest. Where nothing tells occurrences apart (identity `none`), each\n\
         receipt is a new event, be it a retry or a captured request that is sent again: such handlers should be idempotent. What a retry renews, such as\n\
         a count of attempts, is in no digest.\n\n\
         An identity counts within one endpoint. The ids of most providers are unique everywhere; where those of your sender are unique in one account, shop\n\
         or tenant alone, give each of them an endpoint of its own.\n\n\
         What many occurrences share is no id: nothing, `null`, `undefined`, `true`, zeros alone as in the UUID of test messages. Elements of one batch\n\
         that have one id and other bytes are two events, and so are equal elements that have only a digest. A type that stands in a header belongs to\n\
         the identity that is a digest. In one of several parts, joined by `:`, a colon is `%3A` wherever the border would be in doubt.\n\n\
         **vouched for by** says what proves the identity.\n\n\
         - `signed`: it stands in the signed bytes. A captured request that comes again is a duplicate.\n\
         - `unsigned header`: the signature does not cover it, so whoever captures a request can send it again under another id, as a new event, for as\n\
         \x20 long as the signature counts: for ever, unless there is a signed timestamp and a `tolerance_s`. Handlers that must not run twice for one\n\
         \x20 thing need a check of their own.\n",
    );
    writeln!(section, "  These are {}.", listed("unsigned header")).unwrap();
    section.push_str(
        "- `shared secret`: nothing is signed, and whoever has the secret can write any identity.\n\n\
         **retries** are those that the sender makes by itself, and how long after the first attempt the last one comes. Where a retry repeats the signed\n\
         timestamp, or may repeat it, the default `tolerance_s` is longer than that.\n\n\
         | provider | identity | grain | vouched for by | retries | a retry's parts | note |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for provider in providers::all() {
        writeln!(section, "{}", identity_row(provider)).unwrap();
    }
    section
}

/// The providers whose identity is vouched for by `proof`.
fn listed(proof: &str) -> String {
    let titles: Vec<_> =
        providers::all().iter().filter(|provider| provider.identity_proof() == proof).map(|provider| provider.title).collect();
    let (last, others) = titles.split_last().expect("there are such providers");
    format!("{} and {last}", others.join(", "))
}

/// How much each provider sends, and which answers it takes as final.
fn sizes() -> String {
    let mut section = String::from(
        "\n## Sizes and statuses\n\n\
         **largest body** is what the provider documents to send. An endpoint's `max_body_bytes` is that where nothing else is said, and 1 MiB where it is\n\
         less or nothing is documented. A larger body is answered 413 and is gone for good where nobody sends it again, so set `max_body_bytes` where your\n\
         sender's bodies are larger; the packages warn of each 413.\n\n\
         **final** are the statuses after which the provider does not try again; nothing where none is known. Where that is `all`, the 503 of a busy or\n\
         failing database brings nothing back either: look for what is missing in the provider's own log of deliveries, and have it sent again from there.\n\
         Where it is `4xx`, a refusal is final: let the old and the new secret count side by side while you change them. Postmark, which sends credentials\n\
         and no signature, gets 503 for wrong ones, and tries again for hours; Bitbucket and Okta would try once or twice within minutes.\n\n\
         | provider | largest body | final | answer to a refused request |\n\
         |---|---|---|---|\n",
    );
    for provider in providers::all() {
        let size = provider.largest_body().map(|bytes| format!("{bytes}")).unwrap_or_default();
        let cells = [provider.title.to_owned(), size, provider.final_statuses().to_owned(), provider.refusal_status().to_string()];
        writeln!(section, "{}", line(cells)).unwrap();
    }
    section
}

fn row(provider: &Provider) -> String {
    let names: Vec<String> = std::iter::once(&provider.name).chain(provider.aliases).map(|name| format!("`{name}`")).collect();
    let headers: Vec<String> = provider.headers().iter().map(|name| format!("`{name}`")).collect();
    let options: Vec<String> = match provider.option_defaults() {
        Value::Object(options) => options.iter().map(|(name, default)| option(name, default)).collect(),
        _ => Vec::new(),
    };
    let cells = [
        format!("[{}]({}) {}", provider.title, provider.docs, names.join(", ")),
        provider.scheme(),
        provider.methods.join(", "),
        headers.join(", "),
        provider.handshake().to_owned(),
        options.join(", "),
        provider.checked.to_owned(),
    ];
    line(cells)
}

fn identity_row(provider: &Provider) -> String {
    line([
        provider.title.to_owned(),
        provider.identity(),
        provider.identity_grain().to_owned(),
        provider.identity_proof().to_owned(),
        provider.retries(),
        provider.retry_repeats(),
        provider.identity_note().to_owned(),
    ])
}

fn line<const N: usize>(cells: [String; N]) -> String {
    format!("| {} |", cells.map(|cell| cell.replace('|', "\\|").replace('\n', " ")).join(" | "))
}

fn option(name: &str, default: &Value) -> String {
    match default {
        Value::Null => format!("`{name}`"),
        default => format!("`{name}` = `{default}`"),
    }
}

/// What the page of one provider says, beside what the contract has of it.
fn facts(provider: &Provider) -> Value {
    let advice: Map<String, Value> = Reason::ALL.iter().map(|&reason| (reason.name().to_owned(), json!(provider.advice(reason)))).collect();
    json!({
        "name": provider.name,
        "checked": provider.checked,
        "scheme": provider.scheme(),
        "methods": provider.methods,
        "headers": provider.headers(),
        "handshake": provider.handshake(),
        "identity": provider.identity(),
        "grain": provider.identity_grain(),
        "proof": provider.identity_proof(),
        "note": provider.identity_note(),
        "retries": provider.retries(),
        "repeats": provider.retry_repeats(),
        "largest_body": provider.largest_body(),
        "final_statuses": provider.final_statuses(),
        "refusal_status": provider.refusal_status(),
        "advice": advice,
    })
}

#[test]
fn the_site_has_the_facts_of_each_provider() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/build/providers.json");
    let facts: Vec<_> = providers::all().iter().map(|provider| facts(provider)).collect();
    let text = serde_json::to_string_pretty(&facts).unwrap() + "\n";
    if std::env::var_os("KNOCKER_WRITE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == text, "docs/build/providers.json is out of date, run `make docs-pages`");
}

#[test]
fn the_page_of_providers_says_what_the_code_does() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/providers.md");
    let page = page();
    if std::env::var_os("KNOCKER_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = stored.lines().zip(page.lines()).find(|(stored, page)| stored != page);
    assert!(stored == page, "docs/providers.md is out of date, run `make docs-pages`; first difference: {differing:?}");
}
