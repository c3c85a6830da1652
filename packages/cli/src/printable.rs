//! Making what strangers sent safe and readable on a terminal.

use std::borrow::Cow;
use std::fmt::Write;

use serde::de::IgnoredAny;

/// The text in one line, with control characters and those that change the direction of writing made visible: a header or a body must
/// not be able to move the cursor, change colours or hide what stands beside it.
pub fn text(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// The same for text of several lines: line ends and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |character| matches!(character, '\n' | '\t'))
}

/// The text, cut to `most` characters.
pub fn shortened(full: &str, most: usize) -> String {
    let mut short: String = full.chars().take(most).collect();
    if short.len() < full.len() {
        short.pop();
        short.push('…');
    }
    short
}

/// A body for reading: JSON with indentation, other text as it is, and of anything else the size.
pub fn body(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok("") => "(empty)".into(),
        Ok(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => lines(&indent_json(text)).into_owned(),
        Ok(text) => lines(text).into_owned(),
        Err(_) => format!("({} bytes that are not UTF-8 text; --body writes them as they are)", bytes.len()),
    }
}

/// A size for people.
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number with its noun: `1 event`, `2 events`.
pub fn count(number: i64, noun: &str) -> String {
    let plural = match noun.strip_suffix("delivery") {
        Some(before) => format!("{before}deliveries"),
        None => format!("{noun}s"),
    };
    format!("{number} {}", if number == 1 { noun } else { &plural })
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let dangerous = |character: char| {
        let redirects = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        (character.is_control() || redirects) && !keep(character)
    };
    if !text.contains(dangerous) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if dangerous(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Valid JSON with line ends and indentation. Works on the text, so that the order of keys and the spelling of numbers stay.
fn indent_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                out.push('"');
                let mut escaped = false;
                for character in characters.by_ref() {
                    out.push(character);
                    match character {
                        '\\' if !escaped => escaped = true,
                        '"' if !escaped => break,
                        _ => escaped = false,
                    }
                }
            }
            '{' | '[' => {
                out.push(character);
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            space if space.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    // Deeply nested JSON must not turn into gigabytes of spaces.
    let _ = write!(out, "\n{:width$}", "", width = depth.min(40) * 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(text("a\x1b[2Jb\r\nc\u{202e}"), "a\\u{1b}[2Jb\\r\\nc\\u{202e}");
        assert_eq!(lines("a\n\tb\x07"), "a\n\tb\\u{7}");
        assert!(matches!(text("plain – ü"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_is_indented_with_its_keys_and_numbers_as_sent() {
        let pretty = body(br#"{"z":1.0,"a":[1e3,{}, [ ]],"t":"x\"},\\"}"#);
        assert_eq!(pretty, "{\n  \"z\": 1.0,\n  \"a\": [\n    1e3,\n    {},\n    []\n  ],\n  \"t\": \"x\\\"},\\\\\"\n}");
    }

    #[test]
    fn bodies_that_are_not_json_are_shown_as_text_or_by_size() {
        assert_eq!(body(b"payload=1\n"), "payload=1\n");
        assert_eq!(body(b""), "(empty)");
        assert_eq!(body(b"\xff\x00"), "(2 bytes that are not UTF-8 text; --body writes them as they are)");
    }

    #[test]
    fn sizes_and_counts_read_well() {
        assert_eq!([size(0), size(1023), size(1536), size(3 << 30)], ["0 B", "1023 B", "1.5 KiB", "3.0 GiB"]);
        assert_eq!([count(1, "delivery"), count(2, "delivery"), count(0, "event")], ["1 delivery", "2 deliveries", "0 events"]);
        assert_eq!([shortened("abc", 3), shortened("abcd", 3)], ["abc", "ab…"]);
    }
}
