//! Whether a JSON document has two fields of one name anywhere, in one pass.
//!
//! Readers differ in which of the two they take, so a signature over fields says nothing about such a document.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::json_walk::{Key, leaves_hold_nothing};
use super::limits::JSON_DEPTH;

/// Whether every object in `text` names each of its fields once. Nesting beyond any provider's counts as ambiguous.
pub fn names_are_unique(text: &str) -> bool {
    let mut document = serde_json::Deserializer::from_str(text);
    Value(JSON_DEPTH).deserialize(&mut document).is_ok() && document.end().is_ok()
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

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }
}
