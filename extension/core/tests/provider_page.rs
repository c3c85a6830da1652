//! `docs/providers.md` is generated from the code: `make docs` writes it, this test says when it is out of date.

use std::fmt::Write;
use std::path::PathBuf;

use knocker_core::providers::{self, Provider};
use serde_json::Value;

fn page() -> String {
    let mut page = String::from(
        "# Providers\n\n\
         <!-- Written by `make docs` from the code; do not edit. -->\n\n\
         What each provider's verification checks, what identifies an occurrence for dedupe, and which options there are. The same facts are rows of\n\
         `SELECT * FROM knocker_providers`, and `knocker providers NAME` prints them.\n\n\
         | provider | scheme | headers | identity | handshake | options | checked |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for provider in providers::all() {
        writeln!(page, "{}", row(provider)).unwrap();
    }
    page
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
        headers.join(", "),
        provider.identity(),
        provider.handshake().to_owned(),
        options.join(", "),
        provider.checked.to_owned(),
    ];
    format!("| {} |", cells.map(|cell| cell.replace('|', "\\|").replace('\n', " ")).join(" | "))
}

fn option(name: &str, default: &Value) -> String {
    match default {
        Value::Null => format!("`{name}`"),
        default => format!("`{name}` = `{default}`"),
    }
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
    assert!(stored == page, "docs/providers.md is out of date, run `make docs`; first difference: {differing:?}");
}
