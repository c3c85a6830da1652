//! An HTTP request as it was received: method, URL, headers in order, and the raw body.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::arguments::Arguments;
use crate::error::{Error, Result};
use crate::forms::{Kind, Preset, form};

/// What a header value is stored as when it carries a credential.
pub const REDACTED: &str = "[redacted]";

/// One HTTP request. The body is borrowed and never altered.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The method, in capitals as sent.
    pub method: String,
    /// The URL as the caller knows it: absolute where a provider signs it, else a path will do.
    pub url: String,
    /// The headers, in the order in which they came.
    pub headers: Headers,
    /// The raw bytes.
    pub body: &'a [u8],
    /// Whether the adapter stopped reading at the size limit, so that `body` is only the beginning.
    pub truncated: bool,
}

form! {
    /// One HTTP request without its body, which is an argument of its own.
    FORM = "WebhookRequest" {
        /// The method, in capitals as sent.
        "method": Kind::Text, preset Preset::Text("POST");
        /// The URL as the sender knows it, byte for byte: some providers sign it. A path will do where none does.
        "url": Kind::Text, preset Preset::Text("/");
        /// The headers in the order in which they came; names in any case, repeats kept.
        "headers": Kind::Headers;
        /// Whether reading stopped at the size limit, so that the body is only the beginning.
        "truncated": Kind::Flag;
    }
}

impl<'a> Request<'a> {
    /// Reads the JSON argument `{"method", "url", "headers", "truncated"}` of the SQL functions.
    pub fn parse(json: &str, body: &'a [u8]) -> Result<Self> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            method: Option<String>,
            url: Option<String>,
            headers: Option<Headers>,
            truncated: Option<bool>,
        }
        let raw: Raw = serde_json::from_str(json).map_err(|_| explain(json))?;
        Ok(Self {
            method: raw.method.unwrap_or_else(|| "POST".into()),
            url: raw.url.unwrap_or_else(|| "/".into()),
            headers: raw.headers.unwrap_or_default(),
            body,
            truncated: raw.truncated.unwrap_or(false),
        })
    }

    /// The query string of the URL, without `?` and fragment.
    pub fn query(&self) -> &str {
        let without_fragment = self.url.split('#').next().unwrap_or_default();
        without_fragment.split_once('?').map_or("", |(_, query)| query)
    }
}

/// What is wrong with a request that could not be read. It names the place and repeats no text, which may be a credential.
fn explain(json: &str) -> Error {
    let explain = || {
        let given = Arguments::parse("request", json, &FORM)?;
        given.text("method")?;
        given.text("url")?;
        given.boolean("truncated")?;
        given.get("headers").map_or(Ok(()), |headers| Headers::from_json("request: headers", headers).map(drop))
    };
    explain().err().unwrap_or_else(|| Error::invalid("request: a key occurs twice"))
}

/// Headers in the order in which they came. Names compare without regard to case; a repeated header keeps all its values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; the name is kept in lower case.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let mut name = name.into();
        name.make_ascii_lowercase();
        self.0.push((name, value.into()));
    }

    /// Every value of `name` (given in lower case), in order.
    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        debug_assert!(!name.bytes().any(|b| b.is_ascii_uppercase()), "look headers up in lower case");
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of `name` (given in lower case).
    pub fn first<'h>(&'h self, name: &'h str) -> Option<&'h str> {
        self.all(name).next()
    }

    /// Reads an object or a list of pairs; `what` names it in the error, which repeats no value.
    pub(crate) fn from_json(what: &str, json: &Value) -> Result<Self> {
        let is_text_or_texts = |value: &Value| match value {
            Value::Array(values) => values.iter().all(Value::is_string),
            other => other.is_string(),
        };
        let problem = match json {
            Value::Object(object) => {
                let wrong = object.iter().find(|(_, value)| !is_text_or_texts(value));
                wrong.map(|(name, _)| format!("{what}: the value of {name:?} must be a string or an array of strings"))
            }
            Value::Array(pairs) => {
                let wrong =
                    pairs.iter().position(|pair| pair.as_array().is_none_or(|pair| pair.len() != 2 || !pair.iter().all(Value::is_string)));
                wrong.map(|index| format!("{what}: entry {index} must be a pair [name, value] of strings"))
            }
            _ => Some(format!("{what}: must be an object or a list of [name, value] pairs")),
        };
        match problem {
            Some(problem) => Err(Error::invalid(problem)),
            None => Self::deserialize(json).map_err(|_| Error::invalid(format!("{what}: cannot be read"))),
        }
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The JSON object that is stored: lower-case names in order, an array for a repeated header, credentials and `redact` (lower case)
    /// replaced.
    pub fn to_stored_json(&self, redact: &[&str]) -> String {
        let mut pairs: Vec<(&str, &str)> = self.iter().collect();
        // Stable: the values of a repeated header stay in their order.
        pairs.sort_by_key(|&(name, _)| name);
        for (name, value) in &mut pairs {
            if is_credential(name) || redact.contains(name) {
                *value = REDACTED;
            }
        }
        let mut json = String::with_capacity(1024);
        for same in pairs.chunk_by(|a, b| a.0 == b.0) {
            json.push(if json.is_empty() { '{' } else { ',' });
            push_json(&mut json, same[0].0);
            if let [(_, value)] = same {
                json.push(':');
                push_json(&mut json, value);
                continue;
            }
            for (at, (_, value)) in same.iter().enumerate() {
                json.push_str(if at == 0 { ":[" } else { "," });
                push_json(&mut json, value);
            }
            json.push(']');
        }
        json.push_str(if json.is_empty() { "{}" } else { "}" });
        json
    }
}

/// Adds a text as JSON. Most have nothing to escape, which is told faster of all their bytes at once than of one after the other.
fn push_json(json: &mut String, text: &str) {
    if text.bytes().fold(false, |any, byte| any | (byte < b' ') | (byte == b'"') | (byte == b'\\')) {
        json.push_str(&serde_json::to_string(text).expect("text into memory"));
    } else {
        json.push('"');
        json.push_str(text);
        json.push('"');
    }
}

/// Headers that carry a credential whatever the provider.
fn is_credential(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "proxy-authorization"
            | "cookie"
            | "set-cookie"
            | "x-access-token"
            | "x-api-key"
            | "x-api-token"
            | "x-auth-token"
            | "x-csrf-token"
            | "x-gitlab-token"
            | "x-secret-token"
            | "x-telegram-bot-api-secret-token"
            | "x-webhook-secret"
            | "x-webhook-token"
    )
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.push(name, value);
        }
        headers
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct HeadersVisitor;

        enum Values {
            One(String),
            Many(Vec<String>),
        }

        // By hand: what serde derives keeps a copy of each value to try it twice.
        impl<'de> Deserialize<'de> for Values {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                deserializer.deserialize_any(ValuesVisitor)
            }
        }

        struct ValuesVisitor;

        impl<'de> Visitor<'de> for ValuesVisitor {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Values, E> {
                Ok(Values::One(value.to_owned()))
            }

            fn visit_string<E>(self, value: String) -> std::result::Result<Values, E> {
                Ok(Values::One(value))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> std::result::Result<Values, S::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Values::Many(values))
            }
        }

        impl<'de> Visitor<'de> for HeadersVisitor {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("headers as an object or as a list of [name, value] pairs")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Headers, M::Error> {
                let mut headers = Headers::new();
                while let Some((name, values)) = map.next_entry::<String, Values>()? {
                    match values {
                        Values::One(value) => headers.push(name, value),
                        Values::Many(values) => {
                            for value in values {
                                headers.push(name.as_str(), value);
                            }
                        }
                    }
                }
                Ok(headers)
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> std::result::Result<Headers, S::Error> {
                let mut headers = Headers::new();
                while let Some((name, value)) = seq.next_element::<(String, String)>()? {
                    headers.push(name, value);
                }
                Ok(headers)
            }
        }

        deserializer.deserialize_any(HeadersVisitor)
    }
}

/// An HTTP response that an adapter sends as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct WebhookResponse {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
    #[serde(serialize_with = "pairs_as_object", deserialize_with = "object_as_pairs")]
    #[cfg_attr(feature = "contract", schemars(with = "std::collections::BTreeMap<String, String>"))]
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body.
    pub body: String,
}

fn pairs_as_object<S: Serializer>(pairs: &[(Cow<'static, str>, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

fn object_as_pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(Cow<'static, str>, String)>, D::Error> {
    let headers = Headers::deserialize(deserializer)?;
    Ok(headers.0.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect())
}

impl WebhookResponse {
    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    /// Plain text, never HTML: a challenge comes from outside.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: vec![("content-type".into(), "text/plain; charset=utf-8".into())], body: body.into() }
    }

    /// A JSON document.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![("content-type".into(), "application/json".into())], body: body.to_string() }
    }

    /// The same with one more header.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_may_be_an_object_or_a_list_and_keep_repeats() {
        let object = Request::parse(r#"{"headers":{"X-A":"1","x-b":["2","3"]}}"#, b"").unwrap();
        let list = Request::parse(r#"{"headers":[["x-a","1"],["X-B","2"],["x-b","3"]]}"#, b"").unwrap();
        assert_eq!(object.headers, list.headers);
        assert_eq!(list.headers.all("x-b").collect::<Vec<_>>(), ["2", "3"]);
        assert_eq!(list.method, "POST");
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_valid_one() {
        let error = Request::parse(r#"{"header":{}}"#, b"").unwrap_err();
        assert_eq!(error.message(), "request: unknown key \"header\"; did you mean \"headers\"?");
    }

    #[test]
    fn errors_name_the_place_and_repeat_no_value() {
        for (json, message) in [
            (r#"{"headers": "authorization: Bearer secret"}"#, "request: headers: must be an object or a list of [name, value] pairs"),
            (
                r#"{"headers": {"authorization": 5}}"#,
                r#"request: headers: the value of "authorization" must be a string or an array of strings"#,
            ),
            (r#"{"headers": {"a": ["secret", null]}}"#, r#"request: headers: the value of "a" must be a string or an array of strings"#),
            (r#"{"headers": [["a", "b"], ["secret"]]}"#, "request: headers: entry 1 must be a pair [name, value] of strings"),
            (r#"{"url": ["secret"]}"#, "request: url: must be a string, not an array"),
            (r#"{"url": "secret", "url": "secret"}"#, "request: a key occurs twice"),
            ("[]", "request: must be a JSON object, not an array"),
        ] {
            assert_eq!(Request::parse(json, b"").unwrap_err().message(), message);
        }
        assert!(Request::parse("secret", b"").unwrap_err().message().starts_with("request: not JSON: "));
    }

    #[test]
    fn credentials_are_stored_redacted() {
        let headers: Headers = [("Authorization", "Bearer x"), ("X-Token", "y"), ("a", "1"), ("a", "2")].into_iter().collect();
        assert_eq!(headers.to_stored_json(&["x-token"]), r#"{"a":["1","2"],"authorization":"[redacted]","x-token":"[redacted]"}"#);
    }

    #[test]
    fn stored_headers_are_the_json_that_a_serializer_writes() {
        assert_eq!(Headers::new().to_stored_json(&[]), "{}");
        for text in ["", "plain", "é ☃", "a\"b", "a\\b", "\u{0}\t\u{1f}", "\u{7f}/", "a\"b and more than one vector of bytes behind it \n"]
        {
            let headers: Headers = [(text, text), ("z", text), ("z", "")].into_iter().collect();
            let [name, value] = [text.to_ascii_lowercase(), text.to_owned()].map(|text| serde_json::to_string(&text).unwrap());
            let mut fields = [(text, format!("{name}:{value}")), ("z", format!("\"z\":[{value},\"\"]"))];
            fields.sort();
            let fields = fields.map(|(_, field)| field);
            assert_eq!(headers.to_stored_json(&[]), format!("{{{}}}", fields.join(",")), "{text:?}");
        }
    }
}
