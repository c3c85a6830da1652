//! Options: what an endpoint may set about its provider, checked against the provider's own list.

use std::fmt;

use serde_json::{Map, Value};

use super::engine::template::Part;
use super::secrets::is_blank;
use crate::error::{Error, Result, suggestion};

/// One option that a provider has.
pub struct OptionSpec {
    /// Its name, the same for every provider that has it.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What it is where it is left out.
    pub default: Preset,
}

/// What an option may be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A whole number of seconds, from 0 to a year.
    Seconds,
    /// Any text.
    Text,
    /// A text that must not be shown: its value never appears in an error.
    Secret,
    /// The name of a header.
    Header,
    /// An absolute `http` or `https` URL.
    Url,
    /// A dotted path into a JSON body.
    Path,
    /// A template of what is signed.
    Template,
    /// One of these.
    Choice(&'static [&'static str]),
}

/// The value of an option that is left out.
#[derive(Debug, Clone, Copy)]
pub enum Preset {
    /// None: the feature is off, or the provider's own rule holds.
    Nothing,
    /// This number.
    Number(i64),
    /// This text.
    Text(&'static str),
}

#[cfg(feature = "contract")]
impl Kind {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Seconds => "integer",
            Kind::Text | Kind::Secret | Kind::Choice(_) => "text",
            Kind::Header => "header",
            Kind::Url => "url",
            Kind::Path => "path",
            Kind::Template => "template",
        }
    }

    /// From and to, where it is a number.
    pub fn range(self) -> Option<[i64; 2]> {
        matches!(self, Kind::Seconds).then_some([0, YEAR_S])
    }

    /// What it may be, where that is a closed list.
    pub fn choices(self) -> &'static [&'static str] {
        match self {
            Kind::Choice(choices) => choices,
            _ => &[],
        }
    }

    /// Whether it must not be shown.
    pub fn is_secret(self) -> bool {
        matches!(self, Kind::Secret)
    }
}

const YEAR_S: i64 = 366 * 86_400;

impl OptionSpec {
    /// `tolerance_s`: how far the signed timestamp may be from now; 0 turns the check off.
    pub const fn tolerance(default_s: i64) -> Self {
        Self { name: "tolerance_s", kind: Kind::Seconds, default: Preset::Number(default_s) }
    }

    /// `public_url`: the URL as the provider knows it, where it is signed.
    pub const PUBLIC_URL: Self = Self { name: "public_url", kind: Kind::Url, default: Preset::Nothing };

    /// `verify_token`: the word agreed on for an unsigned handshake, which the sender puts into the query of the URL.
    pub const VERIFY_TOKEN: Self = Self { name: "verify_token", kind: Kind::Secret, default: Preset::Nothing };

    /// `id_path`: where the body holds the identity.
    pub const ID_PATH: Self = Self { name: "id_path", kind: Kind::Path, default: Preset::Nothing };

    /// `type_path`: where the body holds the event type.
    pub const TYPE_PATH: Self = Self { name: "type_path", kind: Kind::Path, default: Preset::Nothing };

    /// `id_header`: which header holds the identity.
    pub const ID_HEADER: Self = Self { name: "id_header", kind: Kind::Header, default: Preset::Nothing };

    /// `id_fallback`: what names an occurrence that has no identity: nothing, so that each receipt is a new one, or the digest of the signed
    /// bytes, for a sender whose retries alone have equal bytes.
    pub const ID_FALLBACK: Self = Self { name: "id_fallback", kind: Kind::Choice(&["none", "digest"]), default: Preset::Text("none") };

    /// `type_header`: which header holds the event type.
    pub const TYPE_HEADER: Self = Self { name: "type_header", kind: Kind::Header, default: Preset::Nothing };

    /// The default as JSON.
    pub fn default_json(&self) -> Value {
        match self.default {
            Preset::Nothing => Value::Null,
            Preset::Number(number) => Value::from(number),
            Preset::Text(text) => Value::from(text),
        }
    }

    fn read(&self, value: &Value) -> Result<Setting> {
        let name = self.name;
        let refuse = |expected: &str| {
            let shown = if matches!(self.kind, Kind::Secret) { "the given value".into() } else { value.to_string() };
            Err(Error::invalid(format!("option {name}: {shown} is not {expected}")))
        };
        if let Kind::Seconds = self.kind {
            let whole = value.as_i64().or_else(|| value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i64));
            return match whole {
                Some(number) if (0..=YEAR_S).contains(&number) => Ok(Setting::Number(number)),
                _ => refuse(&format!("a whole number from 0 to {YEAR_S}")),
            };
        }
        let Some(text) = value.as_str() else {
            return refuse("a text");
        };
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        match self.kind {
            Kind::Text | Kind::Seconds => {}
            Kind::Secret if is_blank(text) => return refuse("a text with characters in it"),
            Kind::Secret => {}
            Kind::Header if text.is_empty() || !text.bytes().all(token) => return refuse("the name of a header"),
            Kind::Header => {}
            Kind::Url if !(text.starts_with("https://") || text.starts_with("http://")) => {
                return refuse("an absolute URL such as \"https://example.com\"");
            }
            Kind::Url => {}
            Kind::Path if text.split('.').any(str::is_empty) => return refuse("a dotted path such as \"data.id\""),
            Kind::Path => {}
            Kind::Template => {
                Part::parse(text)?;
            }
            Kind::Choice(choices) if !choices.contains(&text) => {
                let near = suggestion(text, choices.iter().copied());
                return Err(Error::invalid(format!("option {name}: unknown value {text:?}{near}")));
            }
            Kind::Choice(_) => {}
        }
        Ok(Setting::Text(text.to_owned()))
    }
}

#[derive(Clone)]
enum Setting {
    Number(i64),
    Text(String),
}

/// Checked options of one provider, defaults filled in. Options without a value are absent.
#[derive(Clone, Default)]
pub struct Options(Vec<(&'static str, Setting)>);

impl Options {
    /// Reads the JSON object of a provider's options. An empty text and `null` are the defaults, and so is a key that is `null`.
    pub(crate) fn parse(specs: &'static [OptionSpec], json: &str) -> Result<Self> {
        let given: Map<String, Value> = match json.trim() {
            "" => Map::new(),
            text => match serde_json::from_str(text) {
                Ok(Value::Null) => Map::new(),
                Ok(Value::Object(object)) => object,
                _ => return Err(Error::invalid("options must be a JSON object")),
            },
        };
        if let Some(key) = given.keys().find(|key| specs.iter().all(|spec| spec.name != key.as_str())) {
            let near = match specs {
                [] => "; this provider has no options".into(),
                _ => suggestion(key, specs.iter().map(|spec| spec.name)),
            };
            return Err(Error::invalid(format!("options: unknown key {key:?}{near}")));
        }
        let mut options = Vec::with_capacity(specs.len());
        for spec in specs {
            let setting = match (given.get(spec.name), spec.default) {
                (Some(value), _) if !value.is_null() => spec.read(value)?,
                (_, Preset::Number(number)) => Setting::Number(number),
                (_, Preset::Text(text)) => Setting::Text(text.into()),
                (_, Preset::Nothing) => continue,
            };
            options.push((spec.name, setting));
        }
        Ok(Self(options))
    }

    /// The number of an option, where it has one.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.0.iter().find(|(key, _)| *key == name).and_then(|(_, setting)| match setting {
            Setting::Number(number) => Some(*number),
            Setting::Text(_) => None,
        })
    }

    /// The text of an option, where it has one.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| *key == name).and_then(|(_, setting)| match setting {
            Setting::Text(text) => Some(text.as_str()),
            Setting::Number(_) => None,
        })
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, setting) in &self.0 {
            match setting {
                Setting::Text(_) if *name == "verify_token" => map.entry(name, &"[hidden]"),
                Setting::Text(text) => map.entry(name, text),
                Setting::Number(number) => map.entry(name, number),
            };
        }
        map.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[OptionSpec] = &[
        OptionSpec::tolerance(300),
        OptionSpec::PUBLIC_URL,
        OptionSpec::VERIFY_TOKEN,
        OptionSpec::ID_PATH,
        OptionSpec::ID_HEADER,
        OptionSpec { name: "version", kind: Kind::Choice(&["v1", "v2"]), default: Preset::Text("v1") },
        OptionSpec { name: "template", kind: Kind::Template, default: Preset::Nothing },
    ];

    fn message(json: &str) -> String {
        Options::parse(SPECS, json).unwrap_err().message().to_owned()
    }

    #[test]
    fn defaults_are_filled_in() {
        for json in ["", " ", "null", "{}", r#"{"tolerance_s": null}"#] {
            let options = Options::parse(SPECS, json).unwrap();
            assert_eq!(options.number("tolerance_s"), Some(300));
            assert_eq!(options.text("version"), Some("v1"));
            assert_eq!(options.text("public_url"), None);
        }
        assert_eq!(Options::parse(SPECS, r#"{"tolerance_s": 0}"#).unwrap().number("tolerance_s"), Some(0));
        assert_eq!(Options::parse(SPECS, r#"{"tolerance_s": 5.0}"#).unwrap().number("tolerance_s"), Some(5));
    }

    #[test]
    fn wrong_options_are_named_with_key_value_and_what_is_valid() {
        assert_eq!(message(r#"{"tolerance": 5}"#), "options: unknown key \"tolerance\"; did you mean \"tolerance_s\"?");
        assert_eq!(message(r#"{"tolerance_s": -1}"#), "option tolerance_s: -1 is not a whole number from 0 to 31622400");
        assert_eq!(message(r#"{"tolerance_s": "5"}"#), "option tolerance_s: \"5\" is not a whole number from 0 to 31622400");
        assert_eq!(message(r#"{"tolerance_s": 0.5}"#), "option tolerance_s: 0.5 is not a whole number from 0 to 31622400");
        assert_eq!(
            message(r#"{"public_url": "example.com"}"#),
            "option public_url: \"example.com\" is not an absolute URL such as \"https://example.com\""
        );
        assert_eq!(message(r#"{"id_path": "a..b"}"#), "option id_path: \"a..b\" is not a dotted path such as \"data.id\"");
        assert_eq!(message(r#"{"id_header": "x y"}"#), "option id_header: \"x y\" is not the name of a header");
        assert_eq!(message(r#"{"version": "v3"}"#), "option version: unknown value \"v3\"; valid: v1, v2");
        assert_eq!(message(r#"{"id_path": 5}"#), "option id_path: 5 is not a text");
        assert_eq!(message("[]"), "options must be a JSON object");
        assert!(message(r#"{"template": "{x}"}"#).contains("unknown part {x}"));
    }

    #[test]
    fn the_verify_token_is_never_shown() {
        assert_eq!(message(r#"{"verify_token": 12345}"#), "option verify_token: the given value is not a text");
        let options = Options::parse(SPECS, r#"{"verify_token": "test-token"}"#).unwrap();
        assert!(!format!("{options:?}").contains("test-token"));
    }
}
