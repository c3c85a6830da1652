//! Bodies and queries of the kind `application/x-www-form-urlencoded`.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use super::limits::FORM_FIELDS;

/// The decoded `name=value` pairs, in order. `+` is a space; a percent sign that begins no escape stays as it is.
pub fn pairs(encoded: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    encoded_pairs(encoded).map(|(name, value)| (decode(name), decode(value)))
}

/// The first value of `name` among the first [`FORM_FIELDS`] pairs, where it is UTF-8.
pub fn value<'a>(encoded: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    let (_, value) = encoded_pairs(encoded).take(FORM_FIELDS).find(|(key, _)| *decode(key) == *name.as_bytes())?;
    text(value)
}

/// The decoded text, where it is UTF-8.
fn text(encoded: &[u8]) -> Option<Cow<'_, str>> {
    match decode(encoded) {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// The same for several names, in one pass.
pub fn values<'a, const N: usize>(encoded: &'a [u8], names: [&str; N]) -> [Option<Cow<'a, str>>; N] {
    let mut found: [Option<&[u8]>; N] = [None; N];
    for (key, value) in encoded_pairs(encoded).take(FORM_FIELDS) {
        let key = decode(key);
        if let Some(at) = names.iter().position(|name| *key == *name.as_bytes()) {
            found[at] = found[at].or(Some(value));
        }
    }
    found.map(|value| value.and_then(text))
}

fn encoded_pairs(encoded: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (pair, &b""[..]),
    })
}

/// Whether the body begins as JSON does, so that it is no use to read it as a form.
pub fn is_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// What stays as it is in an encoded text: letters, digits and these.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text with everything but letters, digits and `-._~` escaped.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'+') {
        return percent_decode(text).into();
    }
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decode(&spaced).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_in_order() {
        let found: Vec<_> = pairs(b"a=1&b=x+y%2Bz&&c&a=%C3%A9&=%zz%4").map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        let expected = [("a", "1"), ("b", "x y+z"), ("c", ""), ("a", "é"), ("", "%zz%4")];
        assert_eq!(found, expected.map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())));
        assert_eq!(value(b"a=%FF&b=2", "a"), None);
        assert_eq!(value(b"a=%FF&b=2", "b").as_deref(), Some("2"));
        let [a, b, c] = values(b"a=%FF&b=2&a=1&b=3", ["a", "b", "c"]);
        assert_eq!((a.as_deref(), b.as_deref(), c.as_deref()), (None, Some("2"), None));
        assert_eq!(encode("a b/é"), "a%20b%2F%C3%A9");
    }

    #[test]
    fn fields_beyond_any_senders_are_not_read() {
        let padded = |count: usize| format!("{}token=x", "a&".repeat(count));
        assert_eq!(value(padded(FORM_FIELDS - 1).as_bytes(), "token").as_deref(), Some("x"));
        assert_eq!(value(padded(FORM_FIELDS).as_bytes(), "token"), None);
    }
}
