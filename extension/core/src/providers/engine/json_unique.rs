//! Whether a JSON document has two fields of one name anywhere, in one pass.
//!
//! Readers differ in which of the two they take, so a signature over fields says nothing about such a document.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::json_walk::{Key, leaves_hold_nothing};
use super::limits::JSON_DEPTH;

/// Whether every object in `text` names each of its fields once. Nesting beyond any provider's counts as ambiguous.
pub fn names_are_unique(text: &str) -> bool {
    let text = without_lone_surrogates(text);
    let mut document = serde_json::Deserializer::from_str(&text);
    Value(JSON_DEPTH).deserialize(&mut document).is_ok() && document.end().is_ok()
}

/// The text with each half of a character, as a subject that was cut or decoded with surrogate escapes has it, as one for private use: no
/// string can hold a half.
fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return text.into();
    }
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (mut whole, mut at) = (text.as_bytes().to_vec(), 0);
    while at < whole.len() {
        at += match (whole[at], unit(at)) {
            (b'\\', Some(0xd800..=0xdbff)) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
            (b'\\', Some(0xd800..=0xdfff)) => {
                whole[at + 2] = b'e';
                6
            }
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    String::from_utf8(whole).expect("only digits were changed").into()
}

/// A value that may nest so many levels deeper.
#[derive(Clone, Copy)]
struct Value(u8);

impl Value {
    fn inside<E: Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Value).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let inside = self.inside()?;
        let mut seen = HashSet::new();
        while let Some(Key(name)) = map.next_key()? {
            if !seen.insert(name) {
                return Err(M::Error::custom("two fields of one name"));
            }
            map.next_value_seed(inside)?;
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<(), S::Error> {
        let inside = self.inside()?;
        while seq.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    leaves_hold_nothing!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_fields_of_one_name_are_ambiguous() {
        assert!(names_are_unique(r#"{"a": {"b": 1}, "b": [{"a": 1.5}, {"a": -2}], "c": null, "d": true, "e": "x"}"#));
        for text in [r#"{"a": 1, "a": 1}"#, r#"{"x": [{"a": 1, "\u0061": 2}]}"#, r#"{"a": 1} {"#, &"[".repeat(100_000), &nested(65)] {
            assert!(!names_are_unique(text), "{}", &text[..text.len().min(40)]);
        }
        assert!(names_are_unique(&nested(64)));
    }

    #[test]
    fn half_a_character_is_no_field() {
        assert!(names_are_unique(
            r#"{"a": "cut \ud83d", "b": "\uDCE4", "c": "\ud83d\ude00", "d": "\\ud83d", "e": "\u00e4\ud83d\ud83d\ude00"}"#
        ));
        assert!(!names_are_unique(r#"{"a": "\ud83d", "b": 1, "b": 2}"#));
        assert!(!names_are_unique(r#"{"\ud83d\ude00": 1, "😀": 2}"#));
        assert!(!names_are_unique(r#"{"a": "\ud83"#));
    }

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }
}
