//! Lifecycle scenarios: steps with a clock, each an operation of the SQL contract and what it must return.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::database::{Argument, Database, Failure};
use crate::matching::matches;

/// The operations: name, SQL function, arguments in the order of the function. The clock follows as the last argument.
const OPERATIONS: &[(&str, &str, &[&str])] = &[
    ("endpoint", "knocker_endpoint", &["name", "config"]),
    ("receive", "knocker_receive", &["endpoint", "request", "body", "secrets"]),
    ("ingest", "knocker_ingest", &["endpoint", "fields", "body"]),
    ("verify", "knocker_verify", &["provider", "options", "request", "body", "secrets"]),
    ("sign", "knocker_sign", &["provider", "options", "request", "body", "secret"]),
    ("claim", "knocker_claim", &["worker", "limit", "lease_s", "filter"]),
    ("handled", "knocker_handled", &["job_id", "worker", "duration_ms"]),
    ("failed", "knocker_failed", &["job_id", "worker", "error", "duration_ms", "options"]),
    ("skipped", "knocker_skipped", &["job_id", "worker", "reason", "duration_ms"]),
    ("extend", "knocker_extend", &["job_id", "worker", "lease_s"]),
    ("release", "knocker_release", &["worker"]),
    ("next_due", "knocker_next_due", &["filter"]),
    ("replay", "knocker_replay", &["event_id", "options"]),
    ("requeue", "knocker_requeue", &["event_id", "options"]),
    ("replay_delivery", "knocker_replay_delivery", &["delivery_id", "options"]),
    ("ignore", "knocker_ignore", &["event_id", "reason", "options"]),
    ("replay_where", "knocker_replay_where", &["filter"]),
    ("requeue_where", "knocker_requeue_where", &["filter"]),
    ("ignore_where", "knocker_ignore_where", &["filter"]),
    ("prune_events", "knocker_prune_events", &["filter"]),
    ("prune_deliveries", "knocker_prune_deliveries", &["filter"]),
    ("retention", "knocker_retention", &["policy"]),
    ("retain", "knocker_retain", &[]),
    ("stats", "knocker_stats", &[]),
];

/// Arguments that may be left out.
const OPTIONAL: &[&str] = &["filter", "options", "reason"];

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
        let mut run = Run { database, names: values.clone(), clock: None };
        for (index, step) in self.steps.iter().enumerate() {
            run.step(step).map_err(|problem| format!("step {} ({}): {problem}", index + 1, step.op))?;
        }
        Ok(())
    }
}

struct Run<'d> {
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
            _ => {
                let (_, function, names) =
                    OPERATIONS.iter().find(|(name, ..)| *name == op).unwrap_or_else(|| panic!("the data files know no operation {op:?}"));
                check_names(op, args, names);
                let mut arguments: Vec<Option<Argument>> = names.iter().map(|name| encode(name, args)).collect();
                // What is left out before something that is given is NULL.
                let given = arguments.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
                arguments.truncate(given);
                let mut arguments: Vec<Argument> = arguments.into_iter().map(|argument| argument.unwrap_or(Argument::Null)).collect();
                arguments.push(Argument::Integer(self.clock.expect("the first step sets the clock")));
                self.database.call_json(function, &arguments)
            }
        }
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
        Ok(Value::Array(self.database.rows(&sql, &arguments)?))
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
    match args.get(name) {
        Some(value) => Some(plain(value)),
        None if OPTIONAL.contains(&name) => None,
        None => panic!("the argument {name:?} is missing"),
    }
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
