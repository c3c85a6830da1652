//! JSON arguments, from the forms that the core checks them with.

use knocker_core::forms::{Form, Key, Kind, Preset};
use knocker_core::settings::EndpointSettings;
use serde::Serialize;
use serde_json::{Value, json};

use crate::types;

/// A JSON argument.
#[derive(Serialize)]
pub struct Argument {
    name: &'static str,
    about: String,
    keys: Vec<ArgumentKey>,
}

#[derive(Serialize)]
struct ArgumentKey {
    name: &'static str,
    #[serde(rename = "type")]
    takes: &'static str,
    /// Whether it may be one, or several in an array.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    list: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<[Value; 2]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    words: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    default: Value,
    about: String,
}

/// All of them.
pub fn arguments() -> Vec<Argument> {
    // What the core fills in where a setting is left out.
    let settings = serde_json::to_value(EndpointSettings::default()).expect("settings are plain JSON");
    let argument = |form: &&Form| {
        let defaults = match form.name {
            "EndpointSettings" => &settings,
            "BackoffSettings" => &settings["backoff"],
            _ => &Value::Null,
        };
        let key = |key: &Key| argument_key(key, &defaults[key.name]);
        Argument { name: form.name, about: form.about.trim().to_owned(), keys: form.keys.iter().map(key).collect() }
    };
    knocker_core::contract::FORMS.iter().map(argument).collect()
}

fn argument_key(key: &Key, default: &Value) -> ArgumentKey {
    let mut described = ArgumentKey {
        name: key.name,
        takes: "text",
        list: false,
        range: None,
        words: &[],
        unit: types::unit(key.name),
        default: preset(key, default),
        about: key.about.trim().to_owned(),
    };
    match key.kind {
        Kind::Text => {}
        Kind::Texts => described.list = true,
        Kind::Flag => described.takes = "boolean",
        Kind::Whole(least, most) => (described.takes, described.range) = ("integer", Some([least.into(), most.into()])),
        Kind::Number(least, most) => (described.takes, described.range) = ("number", Some([number(least), number(most)])),
        Kind::Time(_) => described.takes = "time",
        Kind::Choice(list, words) => (described.takes, described.words) = (list, words),
        Kind::Choices(list, words) => (described.takes, described.words, described.list) = (list, words, true),
        Kind::Headers => described.takes = "headers",
        Kind::Options => described.takes = "object",
        Kind::Part(form) => described.takes = form.name,
    }
    described
}

/// What the key is where it is left out.
fn preset(key: &Key, default: &Value) -> Value {
    match (key.preset, key.kind) {
        (Preset::Whole(preset), _) => preset.into(),
        (Preset::Text(preset), _) => preset.into(),
        (Preset::Texts(preset), _) => json!(preset),
        (Preset::Nothing, Kind::Flag) if default.is_null() => false.into(),
        (Preset::Nothing, Kind::Number(..)) => default.as_f64().map_or(Value::Null, number),
        (Preset::Nothing, _) => default.clone(),
    }
}

/// A whole number without a fraction of 0.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 { (value as i64).into() } else { value.into() }
}
