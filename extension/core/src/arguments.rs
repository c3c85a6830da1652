//! JSON arguments: an object with known keys, read key by key with errors that name the key and the value.

use std::fmt::Display;

use serde_json::{Map, Value};

use crate::error::{Error, Result, suggestion};
use crate::forms::{Form, Key, Kind, Preset};

/// A JSON object whose keys were checked against a form. `null` is the same as an absent key.
pub(crate) struct Arguments<'w> {
    what: &'w str,
    form: &'static Form,
    map: Map<String, Value>,
}

impl<'w> Arguments<'w> {
    /// Parses the object; `what` names it in errors.
    pub fn parse(what: &'w str, json: &str, form: &'static Form) -> Result<Self> {
        match serde_json::from_str(json) {
            Ok(value) => Self::from_value(what, value, form),
            Err(error) => Err(Error::invalid(format!("{what}: not JSON: {error}"))),
        }
    }

    /// The same from a value that is already parsed.
    pub fn from_value(what: &'w str, value: Value, form: &'static Form) -> Result<Self> {
        let Value::Object(map) = value else {
            return Err(Error::invalid(format!("{what}: must be a JSON object, not {}", kind(&value))));
        };
        if let Some(key) = map.keys().find(|key| form.find(key).is_none()) {
            let near = suggestion(key, form.keys.iter().map(|key| key.name));
            return Err(Error::invalid(format!("{what}: unknown key {key:?}{near}")));
        }
        Ok(Self { what, form, map })
    }

    /// Whether the key was given, be it as null.
    pub fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// Whether the key was given with a value.
    pub fn is_set(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub fn text(&self, key: &str) -> Result<Option<String>> {
        self.typed(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub fn boolean(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// A whole number or a time.
    pub fn whole(&self, key: &str) -> Result<Option<i64>> {
        let value = self.typed(key, "a whole number", whole)?;
        match self.kind(key) {
            Kind::Time(least) => self.within(key, value, least, i64::MAX),
            Kind::Whole(least, most) => self.within(key, value, least, most),
            _ => unreachable!("{key} is no number"),
        }
    }

    /// The same of a key that has a preset.
    pub fn whole_or_preset(&self, key: &str) -> Result<i64> {
        let Preset::Whole(preset) = self.key(key).preset else { unreachable!("{key} has no preset") };
        Ok(self.whole(key)?.unwrap_or(preset))
    }

    pub fn number(&self, key: &str) -> Result<Option<f64>> {
        let Kind::Number(least, most) = self.kind(key) else { unreachable!("{key} is no number") };
        let value = self.typed(key, "a number", Value::as_f64)?;
        self.within(key, value, least, most)
    }

    /// One string or an array of strings.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>> {
        self.typed(key, "a string or an array of strings", |value| match value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(values) => values.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
            _ => None,
        })
    }

    /// One of the key's choices.
    pub fn choice(&self, key: &str) -> Result<Option<String>> {
        let Kind::Choice(_, valid) = self.kind(key) else { unreachable!("{key} has no choices") };
        let text = self.text(key)?;
        text.map(|text| self.valid_choice(key, text, valid)).transpose()
    }

    /// One or several of the key's choices; its preset where it is left out and has one.
    pub fn choices(&self, key: &str) -> Result<Option<Vec<String>>> {
        let Kind::Choices(_, valid) = self.kind(key) else { unreachable!("{key} has no choices") };
        self.choices_of(key, valid)
    }

    /// One or several of these.
    pub fn choices_of(&self, key: &str, valid: &[&str]) -> Result<Option<Vec<String>>> {
        let Some(texts) = self.texts(key)? else { return Ok(self.key(key).preset.texts()) };
        if texts.is_empty() {
            return Err(self.error(key, "is empty: name at least one, or leave it out"));
        }
        texts.into_iter().map(|text| self.valid_choice(key, text, valid)).collect::<Result<_>>().map(Some)
    }

    /// An error about one key.
    pub fn error(&self, key: &str, message: impl Display) -> Error {
        Error::invalid(format!("{}: {key}: {message}", self.what))
    }

    fn valid_choice(&self, key: &str, text: String, valid: &[&str]) -> Result<String> {
        if valid.contains(&text.as_str()) {
            return Ok(text);
        }
        Err(self.error(key, format_args!("{text:?} is not valid{}", suggestion(&text, valid.iter().copied()))))
    }

    fn typed<T>(&self, key: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.error(key, format_args!("must be {expected}, not {}", kind(value)))),
        }
    }

    fn within<T: PartialOrd + Display>(&self, key: &str, value: Option<T>, least: T, most: T) -> Result<Option<T>> {
        match value {
            Some(value) if value < least || value > most => Err(self.error(key, format_args!("{value} is not between {least} and {most}"))),
            other => Ok(other),
        }
    }

    fn kind(&self, key: &str) -> Kind {
        self.key(key).kind
    }

    fn key(&self, name: &str) -> &'static Key {
        self.form.find(name).unwrap_or_else(|| unreachable!("the form has no {name}"))
    }
}

/// JSON writers of dynamic languages send `3.0` for 3.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15).map(|float| float as i64))
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "a string".into(),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forms::form;

    form! {
        /// For the tests.
        FORM = "Form" {
            /// A whole number.
            "limit": Kind::Whole(1, 10);
            /// Several.
            "status": Kind::Choices("EventStatus", &["dead", "failed"]);
            /// A text.
            "type": Kind::Text;
        }
    }

    #[test]
    fn errors_name_the_key_and_the_value() {
        let arguments = Arguments::parse("filter", r#"{"limit": 0, "status": "daed", "type": 3}"#, &FORM).unwrap();
        let message = |error: Error| error.message().to_owned();
        assert_eq!(message(arguments.whole("limit").unwrap_err()), "filter: limit: 0 is not between 1 and 10");
        assert_eq!(message(arguments.choices("status").unwrap_err()), "filter: status: \"daed\" is not valid; did you mean \"dead\"?");
        assert_eq!(message(arguments.text("type").unwrap_err()), "filter: type: must be a string, not 3");
    }
}
