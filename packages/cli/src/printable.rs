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

/// JSON as it may stand on a terminal. What it says stays the same: outside its texts there is none of these characters.
pub fn json(json: String) -> String {
    if !json.contains(is_dangerous) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_dangerous(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
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

/// Whether a character changes what stands around it, or is there without being seen: controls, marks and line ends of Unicode that redirect or break
/// a line, and what has no width but those that join letters.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(character, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let dangerous = |character: char| is_dangerous(character) && !keep(character);
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
    fn what_cannot_be_seen_becomes_visible_and_what_joins_letters_stays() {
        assert_eq!(text("a\u{9b}2J\u{200b}b\u{e0041}\u{2028}"), "a\\u{9b}2J\\u{200b}b\\u{e0041}\\u{2028}");
        assert!(matches!(text("n\u{200c}m \u{1f468}\u{200d}\u{1f469}"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_says_the_same_without_controls() {
        let plain = serde_json::to_string("a\u{9b}2J\u{7f}\u{e0041} \u{fc}\u{1f468}").unwrap();
        let escaped = json(plain.clone());
        assert_eq!(escaped, "\"a\\u009b2J\\u007f\\udb40\\udc41 \u{fc}\u{1f468}\"");
        let read = |json: &str| serde_json::from_str::<String>(json).unwrap();
        assert_eq!(read(&escaped), read(&plain));
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
