//! What `docs/sql.md` promises, read from the page itself, so that page and library cannot drift apart.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The page.
///
/// # Panics
/// Where it cannot be read.
pub fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sql.md");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every function of the headings with the fewest and the most arguments that it takes.
pub fn functions(page: &str) -> BTreeMap<String, (usize, usize)> {
    let mut found = BTreeMap::new();
    for heading in page.lines().filter(|line| line.starts_with("### ")) {
        for signature in code_spans(heading).filter(|span| span.starts_with("knocker_") && span.contains('(')) {
            let (name, parameters) = signature.trim_end_matches(')').split_once('(').expect("a signature");
            found.insert(name.to_owned(), arity(name, parameters));
        }
    }
    found
}

/// Those that depend on no clock.
pub const WITHOUT_A_CLOCK: [&str; 5] =
    ["knocker_version", "knocker_strict", "knocker_changed_files", "knocker_first_event_since", "knocker_last_event_before"];

/// `now` is the last argument of every function but these, whether the heading repeats it or not.
fn arity(name: &str, parameters: &str) -> (usize, usize) {
    let (required, optional) = parameters.split_once('[').unwrap_or((parameters, ""));
    let words = |text: &str| -> Vec<String> {
        text.split([',', '[', ']']).map(|word| word.trim().to_owned()).filter(|word| !word.is_empty() && word != "now").collect()
    };
    let fewest = words(required).len();
    let clock = usize::from(!WITHOUT_A_CLOCK.contains(&name));
    (fewest, fewest + words(optional).len() + clock)
}

/// Every view and table-valued function with its columns, in order.
pub fn columns(page: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `knocker_")) {
        let spans: Vec<&str> = code_spans(row).collect();
        if let [view, columns, ..] = spans.as_slice() {
            found.insert((*view).to_owned(), words(columns));
        }
    }
    let jobs = page.split("### view `knocker_jobs`").nth(1).expect("the section of knocker_jobs");
    found.insert("knocker_jobs".into(), words(code_spans(jobs).next().expect("its columns")));
    let (_, catalogue) = page.split_once("Table-valued:").expect("the paragraph of the table-valued functions");
    let mut spans = code_spans(catalogue);
    while let (Some(name), Some(columns)) = (spans.next(), spans.next()) {
        if !name.starts_with("knocker_") {
            break;
        }
        found.insert(name.to_owned(), words(columns));
    }
    found
}

fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn words(list: &str) -> Vec<String> {
    list.split(',').map(|word| word.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_and_columns_are_read_from_the_page() {
        let functions = functions(&page());
        assert_eq!(functions["knocker_version"], (0, 0));
        assert_eq!(functions["knocker_bootstrap"], (0, 1));
        assert_eq!(functions["knocker_claim"], (3, 5));
        assert_eq!(functions["knocker_ignore"], (1, 4));
        assert_eq!(functions["knocker_prune_events"], (1, 2));
        assert!(functions.len() >= 26, "{functions:?}");
        let columns = columns(&page());
        assert_eq!(columns["knocker_errors"], ["code", "retryable", "hint"]);
        assert_eq!(columns["knocker_jobs"][0], "job_id");
        assert!(columns.len() >= 8, "{columns:?}");
    }
}
