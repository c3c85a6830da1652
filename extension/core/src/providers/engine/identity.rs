//! Identities as texts: what is none, how several parts become one, and how the elements of one batch stay apart.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::digest::sha256_hex;
use super::json_edit;
use crate::providers::Item;

/// The longest key that is kept as it is, in bytes.
const MAX_KEY: usize = 255;

/// What stands in the place of an id where a sender has none, or fills in a template without one.
const NOTHING: [&str; 8] = ["null", "undefined", "none", "nil", "nan", "true", "false", "[object object]"];

/// Whether the text names an occurrence. One that many occurrences share does not: what is empty, `null`, or zeros alone, as in the UUID of
/// test messages.
pub fn names_something(text: &str) -> bool {
    !is_nothing(text) && !text.bytes().all(|byte| matches!(byte, b'0' | b'-' | b'.'))
}

/// Whether the text is empty or what languages make of no value.
pub fn is_nothing(text: &str) -> bool {
    text.is_empty() || NOTHING.iter().any(|nothing| nothing.eq_ignore_ascii_case(text))
}

/// Several texts as one, so that other texts never give the same one: in each but the last a colon is escaped.
pub fn joined(texts: &[Cow<str>]) -> String {
    let (last, others) = texts.split_last().expect("an identity has parts");
    let escaped = others.iter().map(|text| text.replace('%', "%25").replace(':', "%3A") + ":");
    escaped.collect::<String>() + last
}

/// A key of bounded length.
pub fn bounded(key: String) -> String {
    if key.len() > MAX_KEY { digest(&[key.as_bytes()]) } else { key }
}

/// The key that stands for these bytes.
pub fn digest(parts: &[&[u8]]) -> String {
    format!("{DIGEST}{}", sha256_hex(parts))
}

const DIGEST: &str = "sha256:";

/// What was met under one key of a batch.
struct Met {
    /// How often.
    count: usize,
    /// Which element came first.
    first: usize,
    /// That element's digest, once it is needed.
    content: Option<String>,
}

/// Keeps elements of one batch apart that have one key. The same id with other bytes is another occurrence, and so are equal bytes without an
/// id: only of another request can equal bytes be a retry. The same id with the same bytes is one occurrence that was listed twice.
pub fn keep_apart(items: &mut [Item], body: &[u8], renewed: &[&str]) {
    let mut met: HashMap<String, Met> = HashMap::with_capacity(if items.len() > 1 { items.len() } else { 0 });
    for at in 0..items.len() {
        let (Some(key), Some(span)) = (&items[at].key, &items[at].span) else { continue };
        let Some(before) = met.get_mut(key) else {
            if items.len() > 1 {
                met.insert(key.clone(), Met { count: 1, first: at, content: None });
            }
            continue;
        };
        before.count += 1;
        let apart = if key.starts_with(DIGEST) {
            Some(format!("{key}:{}", before.count))
        } else {
            let content = |span: &Range<usize>| digest(&json_edit::cut(&body[span.clone()], renewed));
            let first = before.content.get_or_insert_with(|| items[before.first].span.as_ref().map(content).unwrap_or_default());
            let own = content(span);
            (own != *first).then(|| format!("{key}:{own}"))
        };
        if apart.is_some() {
            items[at].key = apart;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_occurrences_share_is_no_id() {
        for nothing in ["", "0", "-0", "0.0", "null", "NULL", "None", "undefined", "00000000-0000-0000-0000-000000000000"] {
            assert!(!names_something(nothing), "{nothing}");
        }
        for id in ["1", "00000000-0000-0000-0000-000000000001", "0x", "nullable", "e-0"] {
            assert!(names_something(id), "{id}");
        }
    }

    #[test]
    fn other_parts_make_another_text() {
        let text = |parts: &[&str]| joined(&parts.iter().map(|part| Cow::Borrowed(*part)).collect::<Vec<_>>());
        assert_eq!(text(&["m1", "Delivery", "2026-01-01T00:00:00Z"]), "m1:Delivery:2026-01-01T00:00:00Z");
        assert_ne!(text(&["a:b", "c"]), text(&["a", "b:c"]));
        assert_ne!(text(&["a%3A", "c"]), text(&["a:", "c"]));
        assert_ne!(text(&["", "a"]), text(&["a", ""]));
    }

    #[test]
    fn elements_of_one_batch_stay_apart() {
        let body = b"aabbaa";
        let keys = |keys: [&str; 3]| -> Vec<String> {
            let item = |(at, key): (usize, &&str)| Item { key: Some((*key).into()), span: Some(2 * at..2 * at + 2), event_type: None };
            let mut items: Vec<_> = keys.iter().enumerate().map(item).collect();
            keep_apart(&mut items, body, &[]);
            items.into_iter().filter_map(|item| item.key).collect()
        };
        let other = digest(&[b"bb"]);
        assert_eq!(keys(["1", "2", "3"]), ["1", "2", "3"]);
        assert_eq!(keys(["1", "1", "1"]), ["1", &format!("1:{other}"), "1"]);
        assert_eq!(keys(["sha256:a", "sha256:b", "sha256:a"]), ["sha256:a", "sha256:b", "sha256:a:2"]);
    }
}
