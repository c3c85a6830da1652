//! The colour of a status, an outcome or a result in text that is no table.

use anstyle::{AnsiColor, Style};

/// The style of the word.
pub fn of(word: &str) -> Style {
    let colour = match word {
        "handled" | "accepted" => AnsiColor::Green,
        "received" | "processing" | "handshake" => AnsiColor::Cyan,
        "failed" | "lease_expired" | "too_large" | "disabled" => AnsiColor::Yellow,
        "dead" | "invalid" => AnsiColor::Red,
        _ => return Style::new().dimmed(),
    };
    Style::new().fg_color(Some(colour.into()))
}
