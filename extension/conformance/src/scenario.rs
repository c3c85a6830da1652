//! Lifecycle scenarios: steps with a clock, each an operation and what it must return. An operation is a function of the contract, whose name it
//! has without `knocker_`, with the function's arguments; the clock follows as the last one. `jobs` and `select` read views, `metrics` samples.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::call;
use crate::contract::{Contract, Function};
use crate::database::{Argument, Database, Failure};
use crate::matching::matches;
use crate::samples;

/// A file of `lifecycle/`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifecycleFile {
    /// What its scenarios have in common.
    pub about: String,
    /// Values that its scenarios use by name.
    #[serde(default)]
    pub values: BTreeMap<String, Value>,
    /// The scenarios, each on a file of its own.
    pub scenarios: Vec<Scenario>,
}

/// A story in steps.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows.
    pub name: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    op: String,
    now: Option<i64>,
    #[serde(default)]
    args: Map<String, Value>,
    #[serde(default, deserialize_with = "present")]
    expect: Option<Value>,
    expect_error: Option<String>,
    #[serde(default)]
    save: BTreeMap<String, String>,
}

/// `"expect": null` is an expectation, unlike none at all.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Scenario {
    /// How many steps it has.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Runs the steps in order on one database.
    ///
    /// # Errors
    /// The first step that is not as expected, with its number and operation.
    pub fn run(&self, database: &Database, values: &BTreeMap<String, Value>) -> Result<(), String> {
        let mut run = Run { contract: Contract::get(), database, names: values.clone(), clock: None };
        for (index, step) in self.steps.iter().enumerate() {
            run.step(step).map_err(|problem| format!("step {} ({}): {problem}", index + 1, step.op))?;
        }
        Ok(())
    }
}

struct Run<'d> {
    contract: &'static Contract,
    database: &'d Database,
    names: BTreeMap<String, Value>,
    /// Stands still until a step moves it.
    clock: Option<i64>,
}

impl Run<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.clock = step.now.or(self.clock);
        let args: Map<String, Value> = step.args.iter().map(|(name, value)| (name.clone(), self.resolve(value))).collect();
        let result = match (self.perform(&step.op, &args), &step.expect_error) {
            (Err(failure), Some(code)) if failure.code == *code => return Ok(()),
            (Err(failure), Some(code)) => return Err(format!("expected the error {code}, got: {failure}")),
            (Err(failure), None) => return Err(failure.text),
            (Ok(result), Some(code)) => return Err(format!("expected the error {code}, got: {result}")),
            (Ok(result), None) => result,
        };
        if let Some(expected) = &step.expect {
            matches(&self.resolve(expected), &result)?;
        }
        for (name, path) in &step.save {
            let value = look_up(&result, path).ok_or_else(|| format!("there is no {path:?} in {result}"))?;
            self.names.insert(name.clone(), value.clone());
        }
        Ok(())
    }

    fn perform(&self, op: &str, args: &Map<String, Value>) -> Result<Value, Failure> {
        match op {
            "jobs" => {
                check_names(op, args, &["worker"]);
                self.select("jobs", args)
            }
            "select" => {
                check_names(op, args, &["view", "where"]);
                let view = args["view"].as_str().expect("a view is named");
                self.select(view, args.get("where").and_then(Value::as_object).unwrap_or(&Map::new()))
            }
            "metrics" => {
                check_names(op, args, &[]);
                let text = |format| call!(self.database, "knocker_metrics", format, Argument::Null, self.now()).map(|text| text_of(&text));
                Ok(samples::read(&text("prometheus")?, &text("openmetrics")?).unwrap_or_else(|problem| panic!("{problem}")))
            }
            _ => {
                let name = format!("knocker_{op}");
                let function = self.contract.function(&name).unwrap_or_else(|| panic!("the data files know no operation {op:?}"));
                let result = self.database.call_json(&name, &self.arguments(op, function, args))?;
                self.contract.check_result(&name, &result).unwrap_or_else(|problem| panic!("{problem}"));
                Ok(result)
            }
        }
    }

    fn arguments(&self, op: &str, function: &Function, args: &Map<String, Value>) -> Vec<Argument> {
        let (_clock, parameters) = function.arguments.split_last().expect("an operation takes the clock");
        let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        check_names(op, args, &names);
        let encode = |name: &&str| encode(name, args);
        let mut arguments: Vec<Option<Argument>> = names.iter().map(encode).collect();
        for (parameter, argument) in parameters.iter().zip(&arguments) {
            assert!(argument.is_some() || parameter.optional, "{op}: the argument {:?} is missing", parameter.name);
        }
        // What is left out before something that is given is NULL.
        let given = arguments.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        arguments.truncate(given);
        let mut arguments: Vec<Argument> = arguments.into_iter().map(|argument| argument.unwrap_or(Argument::Null)).collect();
        arguments.push(Argument::Integer(self.now()));
        arguments
    }

    fn now(&self) -> i64 {
        self.clock.expect("the first step sets the clock")
    }

    fn select(&self, view: &str, conditions: &Map<String, Value>) -> Result<Value, Failure> {
        let order = match view {
            "jobs" => "job_id",
            "event_deliveries" => "event_id, delivery_id",
            _ => "id",
        };
        let clause: Vec<String> = conditions.keys().map(|column| format!("{column} IS ?")).collect();
        let condition = if clause.is_empty() { "1".into() } else { clause.join(" AND ") };
        let arguments: Vec<Argument> = conditions.values().map(plain).collect();
        let sql = format!("SELECT * FROM knocker_{view} WHERE {condition} ORDER BY {order}");
        let rows = self.database.rows(&sql, &arguments)?;
        for row in &rows {
            self.contract.check_row(&format!("knocker_{view}"), row).unwrap_or_else(|problem| panic!("{problem}"));
        }
        Ok(Value::Array(rows))
    }

    /// Replaces each `"$name"` by the value of that name.
    fn resolve(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match text.strip_prefix('$') {
                Some(name) => self.names.get(name).unwrap_or_else(|| panic!("nothing is named {text}")).clone(),
                None => value.clone(),
            },
            Value::Array(elements) => elements.iter().map(|element| self.resolve(element)).collect(),
            Value::Object(members) => Value::Object(members.iter().map(|(name, member)| (name.clone(), self.resolve(member))).collect()),
            other => other.clone(),
        }
    }
}

fn text_of(value: &Argument) -> String {
    match value {
        Argument::Text(text) => text.clone(),
        other => panic!("no text: {other:?}"),
    }
}

fn check_names(op: &str, args: &Map<String, Value>, names: &[&str]) {
    for name in args.keys() {
        assert!(names.contains(&name.as_str()) || (name == "body_base64" && names.contains(&"body")), "{op} takes no {name:?}");
    }
}

fn encode(name: &str, args: &Map<String, Value>) -> Option<Argument> {
    if let (true, Some(encoded)) = (name == "body", args.get("body_base64")) {
        let text = encoded.as_str().expect("body_base64 is a string");
        return Some(Argument::Blob(BASE64_STANDARD.decode(text).expect("body_base64 is base64")));
    }
    args.get(name).map(plain)
}

/// Text and numbers as they are, objects and arrays as JSON text.
fn plain(value: &Value) -> Argument {
    match value {
        Value::Null => Argument::Null,
        Value::String(text) => Argument::Text(text.clone()),
        Value::Number(number) => number.as_i64().map_or_else(|| Argument::Real(number.as_f64().expect("a number")), Argument::Integer),
        Value::Bool(_) => panic!("no argument is a boolean: {value}"),
        Value::Array(_) | Value::Object(_) => Argument::Text(value.to_string()),
    }
}

/// Follows a dotted path; the empty one is the whole.
fn look_up<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').filter(|part| !part.is_empty()).try_fold(value, |value, part| match value {
        Value::Array(elements) => elements.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}
