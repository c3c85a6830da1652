//! `docs/lifecycle.md` is generated from the code: `make docs-pages` writes it, this test says when it is out of date.

use std::fmt::Write;
use std::path::PathBuf;

use knocker_core::lifecycle::{AttemptResult, EventStatus, Happening};

const BEGIN: &str = "# The life of an event

<!-- Written by `make docs-pages` from the code; do not edit. -->

A valid receipt makes an event, `received`, with a job in the queue. From then on event and job move together, in one transaction, by one function
([lifecycle.rs](../extension/core/src/lifecycle.rs)); what plain Honker clients do to the queue is followed by the triggers of the schema. So they never
disagree, and from each status some action leads on.

| status | meaning |
|---|---|
";

fn page() -> String {
    let mut page = String::from(BEGIN);
    for status in EventStatus::ALL {
        writeln!(page, "| `{}` | {} |", status.name(), status.about()).unwrap();
    }
    page.push_str(
        "\n## What can happen\n\n| from | with `force` also from | to | the job | who | elsewhere |\n|---|---|---|---|---|---|\n",
    );
    for happening in Happening::ALL {
        let rule = happening.rule();
        let otherwise = if rule.otherwise.is_empty() { "does not happen".into() } else { format!("the error `{}`", rule.otherwise) };
        let to = if happening == Happening::Release { "as before the claim".into() } else { format!("`{}`", rule.becomes.name()) };
        let cells = [listed(rule.leaves), listed(rule.forced), to, rule.job.into(), rule.by.into(), otherwise];
        writeln!(page, "| {} |", cells.join(" | ")).unwrap();
    }
    page.push_str(
        "\nReplay, requeue and a redelivery reset the attempts and keep the history; ignoring an event that is ignored changes nothing. An event that was\n\
         claimed again behind its worker's back is `lease_lost` for that worker, whose transaction is rolled back. Prune deletes only what has ended.\n\n\
         ## How an attempt ends\n\n\
         Each attempt leaves a row in `knocker_attempts` with its `result`.\n\n| result | meaning |\n|---|---|\n",
    );
    for result in AttemptResult::ALL {
        writeln!(page, "| `{}` | {} |", result.name(), result.about()).unwrap();
    }
    page
}

fn listed(statuses: &[EventStatus]) -> String {
    statuses.iter().map(|status| format!("`{}`", status.name())).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_page_is_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/lifecycle.md");
    if std::env::var_os("KNOCKER_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/lifecycle.md is out of date: run `make docs-pages`");
}
