//! `docs/metrics.md` is generated from the code: `make docs-pages` writes it, this test says when it is out of date.

use std::fmt::Write;
use std::path::PathBuf;

use knocker_core::metrics::{HANDLER_BOUNDS_MS, METRICS, RECEIVE_BOUNDS_US};

const BEGIN: &str = "# Metrics

<!-- Written by `make docs-pages` from the code; do not edit. -->

What a monitoring system reads of a file: `SELECT knocker_metrics()` gives the text format of Prometheus, `SELECT knocker_metrics('openmetrics')` OpenMetrics 1.0,
`knocker stats --prometheus` prints the former, and each package has `hooks.metrics()` and a handler that serves it (its README says how).

| metric | kind | labels | meaning |
|---|---|---|---|
";

const MIDDLE: &str = "
- **Where the numbers live.** In the file, beside the rows that they count, written by the same transactions: every process that works on the file tells the same, so scrape one of
  them. Marked with \u{b9} is what each process counts of its own, from its start; `knocker stats --prometheus` and plain SQL leave it out.
- **Counters only grow.** Prunes, restarts and migrations leave them alone. A file that was made by schema version 2 or older starts with what it still had when it was migrated. A file that is put back from a
  copy is as old as the copy, which monitoring systems take for a restart.
- **What it costs.** The same at any number of events, in proportion to the endpoints. A receipt and a verdict write no page more for it.
- **Labels** have values from closed lists and the names of endpoints; nothing that a stranger sends makes a series.
- **Where they cannot be read**, the packages' handlers answer 503 with `Retry-After`, and the cause goes to the log alone; `up` of Prometheus is 0 then.
- `handled` in `result` is what `knocker_handled` said; the words of `outcome`, `reason`, `status`, `result` and `kind` are those of the views ([sql.md](sql.md)), and `reason` has `too_large`, `disabled` and
  `unspecified` (trusted ingress that gave none) besides. Receipts with an unknown endpoint, and those with a method that the provider never sends with, are not counted.
- Names and labels here change only with a new major version; new ones may come with any.
";

fn page() -> String {
    let mut page = String::from(BEGIN);
    for metric in METRICS {
        let labels = metric.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let mark = if metric.of_process { " \u{b9}" } else { "" };
        writeln!(page, "| `{}`{mark} | {} | {labels} | {} |", metric.name, metric.kind.name(), metric.about.trim()).unwrap();
    }
    page.push_str(MIDDLE);
    let bounds = |bounds: &mut dyn Iterator<Item = f64>| bounds.map(|bound| format!("`{bound:?}`")).collect::<Vec<_>>().join(", ");
    let handler = bounds(&mut HANDLER_BOUNDS_MS.iter().map(|&bound| bound as f64 / 1e3));
    let receive = bounds(&mut RECEIVE_BOUNDS_US.iter().map(|&bound| bound as f64 / 1e6));
    writeln!(page, "\nBuckets (`le`, in seconds) of `knocker_handler_duration_seconds`: {handler}.").unwrap();
    writeln!(page, "Of `knocker_receive_duration_seconds`: {receive}. Both have `+Inf` besides.").unwrap();
    page
}

#[test]
fn the_page_is_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    if std::env::var_os("KNOCKER_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "docs/metrics.md is out of date: run `make docs-pages`");
}
