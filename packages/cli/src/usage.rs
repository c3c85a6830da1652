//! A wrong command line, told like every other failure: what was wrong, and what to do next.

use std::path::Path;

use clap::error::{ContextKind, Error, ErrorKind};

use crate::failure::Failure;

/// The failure of a command line that cannot be parsed. `None` where the parser wants to show help or the version instead.
pub fn failure(error: &Error) -> Option<Failure> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) {
        return None;
    }
    // The parser's text has a paragraph each for the error, for similar names, and for the usage.
    let rendered = error.render().to_string();
    let mut message = String::new();
    let mut hints = Vec::new();
    for paragraph in rendered.split("\n\n").map(joined) {
        if let Some(what) = paragraph.strip_prefix("error: ") {
            message = what.to_owned();
        } else if let Some(tips) = paragraph.strip_prefix("tip: ") {
            hints.extend(tips.split(" tip: ").map(capitalized));
        } else if paragraph.starts_with("Usage: ") {
            hints.push(paragraph);
        }
    }
    // Whoever comes from a list has a number alone.
    let unknown = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string);
    if let Some(id) = unknown.filter(|id| id.parse::<i64>().is_ok() && rendered.contains("Usage: knocker show")) {
        hints.insert(0, format!("`knocker show event {id}`, or `knocker show delivery {id}`"));
    }
    // A shell makes many words of a pattern that stands in no quotes, and the second is taken for the command.
    if error.get(ContextKind::InvalidSubcommand).is_some_and(|word| Path::new(&word.to_string()).is_file()) {
        hints.insert(0, "Many files are named by a pattern in quotes: --db 'tenants/*.db'".into());
    }
    hints.push("Add --help to see every flag.".into());
    Some(Failure::usage(message, hints.join(". ")))
}

/// A paragraph as one line.
fn joined(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn capitalized(sentence: &str) -> String {
    sentence[..1].to_uppercase() + &sentence[1..]
}
