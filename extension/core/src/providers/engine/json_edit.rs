//! Changes single fields of a JSON body and leaves every other byte alone.

use serde_json::value::RawValue;

use super::json::{self, Json};
use crate::error::{Error, Result};

/// The body with the top-level field `name` set to `value`, which is JSON text. An empty body counts as `{}`.
pub fn set(body: &[u8], name: &str, value: &str) -> Result<String> {
    let invalid = || Error::invalid("this provider signs inside the body, so the body must be a JSON object");
    let text = std::str::from_utf8(body).map_err(|_| invalid())?;
    if text.trim().is_empty() {
        return Ok(format!("{{\"{name}\":{value}}}"));
    }
    serde_json::from_str::<&RawValue>(text).map_err(|_| invalid())?;
    let object = Json::parse(body).filter(|json| json.is_object()).ok_or_else(invalid)?;
    if let Some(old) = object.get(name) {
        let span = old.span_in(body);
        return Ok(format!("{}{value}{}", &text[..span.start], &text[span.end..]));
    }
    let start = object.span_in(body).start + 1;
    let comma = if text[start..].trim_start().starts_with('}') { "" } else { "," };
    Ok(format!("{}\"{name}\":{value}{comma}{}", &text[..start], &text[start..]))
}

/// What is left of the body around the values at these paths, in order.
pub fn cut<'a>(body: &'a [u8], paths: &[&str]) -> Vec<&'a [u8]> {
    let found = if paths.is_empty() { Vec::new() } else { json::find(body, paths) };
    let mut spans: Vec<_> = found.into_iter().flatten().map(|value| value.span_in(body)).collect();
    spans.sort_by_key(|span| span.start);
    let (mut pieces, mut at) = (Vec::with_capacity(spans.len() + 1), 0);
    // A value inside of another one is gone with it.
    for span in spans {
        if span.start >= at {
            pieces.push(&body[at..span.start]);
            at = span.end;
        }
    }
    pieces.push(&body[at..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_replaced_or_put_first() {
        assert_eq!(set(br#"{"a": 1, "b": {"a": 2}}"#, "a", "5").unwrap(), r#"{"a": 5, "b": {"a": 2}}"#);
        assert_eq!(set(br#" {"b": 1} "#, "a", "5").unwrap(), r#" {"a":5,"b": 1} "#);
        assert_eq!(set(b"{ }", "a", "5").unwrap(), r#"{"a":5 }"#);
        assert_eq!(set(b"", "a", "5").unwrap(), r#"{"a":5}"#);
        assert!(set(b"[1]", "a", "5").is_err());
        assert!(set(br#"{"b": }"#, "a", "5").is_err());
        assert!(set(b"\xff", "a", "5").is_err());
    }

    #[test]
    fn values_are_cut_out_of_what_is_around_them() {
        let pieces = |body: &'static str, paths: &[&str]| -> Vec<&str> {
            cut(body.as_bytes(), paths).into_iter().map(|piece| std::str::from_utf8(piece).unwrap()).collect()
        };
        assert_eq!(pieces(r#"{"a": 1, "n": 22, "o": {"n": 3}}"#, &["o.n", "n"]), [r#"{"a": 1, "n": "#, r#", "o": {"n": "#, "}}"]);
        assert_eq!(pieces(r#"{"o": {"n": 3}}"#, &["o.n", "o"]), [r#"{"o": "#, "}"]);
        assert_eq!(pieces("no json", &["a"]), ["no json"]);
        assert_eq!(pieces(r#"{"a": 1}"#, &[]), [r#"{"a": 1}"#]);
    }
}
