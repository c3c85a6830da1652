//! Results and closed lists, from the JSON schemas of the structs that they are written from.

use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{packages, types, views};

/// A closed list of words.
#[derive(Serialize)]
pub struct List {
    pub name: String,
    pub about: String,
    pub words: Vec<Word>,
}

/// One word of it.
#[derive(Serialize)]
pub struct Word {
    pub name: String,
    pub about: String,
}

/// A result, or a row of a view.
#[derive(Serialize)]
pub struct Record {
    pub name: String,
    about: String,
    pub fields: Vec<Field>,
}

/// A field of it.
#[derive(Serialize)]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub holds: String,
    /// Whether it holds several of that type.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    list: bool,
    pub nullable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    about: String,
}

/// The schemas of everything, by name.
pub fn schemas() -> Map<String, Value> {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    knocker_core::contract::add_schemas(&mut generator);
    views::add_schemas(&mut generator);
    generator.take_definitions(true)
}

/// The closed lists.
pub fn lists(schemas: &Map<String, Value>) -> Vec<List> {
    let list = |(name, schema): (&String, &Value)| {
        let words = schema["oneOf"].as_array()?;
        let word = |word: &Value| Word { name: text(&word["const"]), about: text(&word["description"]) };
        Some(List { name: name.clone(), about: text(&schema["description"]), words: words.iter().map(word).collect() })
    };
    let mut lists: Vec<List> = schemas.iter().filter_map(list).chain(packages::lists()).collect();
    lists.sort_by(|a, b| a.name.cmp(&b.name));
    lists
}

/// The records, in alphabetical order.
pub fn records(schemas: &Map<String, Value>) -> Vec<Record> {
    let record = |(name, schema): (&String, &Value)| {
        // The only list of a schema that keeps the order of declaration.
        let names = schema["required"].as_array()?;
        let fields = names.iter().map(|field| self::field(&text(field), &schema["properties"][text(field)])).collect();
        Some(Record { name: name.clone(), about: text(&schema["description"]), fields })
    };
    schemas.iter().filter_map(record).collect()
}

fn field(name: &str, schema: &Value) -> Field {
    let (holds, list, nullable) = holds(name, schema);
    Field { name: name.to_owned(), holds, list, nullable, unit: types::unit(name), about: text(&schema["description"]) }
}

/// Type, whether several, whether null is possible.
fn holds(name: &str, schema: &Value) -> (String, bool, bool) {
    if let Some(target) = schema["$ref"].as_str() {
        let target = target.rsplit('/').next().unwrap_or_default();
        return (types::builtin(target).unwrap_or(target).to_owned(), false, false);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let (holds, list, _) = holds(name, &choices[0]);
        return (holds, list, true);
    }
    let (kind, nullable) = match &schema["type"] {
        Value::Array(kinds) => (text(&kinds[0]), true),
        kind => (text(kind), false),
    };
    let holds = match kind.as_str() {
        "array" => return (holds(name, &schema["items"]).0, true, nullable),
        "integer" => types::whole(name),
        "number" => "number",
        "boolean" => "boolean",
        "string" => "text",
        "object" => "texts",
        other => unreachable!("{name} is {other}"),
    };
    (holds.to_owned(), false, nullable)
}

/// A text of a schema; documentation of several lines is one.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('\n', " ")
}
