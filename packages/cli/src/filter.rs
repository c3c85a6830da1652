//! The flags that choose rows by endpoint, type and time, shared by lists and bulk actions.

use knocker_core::Store;
use knocker_core::conditions::Conditions;
use serde_json::{Map, Value};

use crate::failure::Result;
use crate::moment;

/// The statuses of an event.
pub const STATUSES: [&str; 6] = ["received", "processing", "failed", "handled", "dead", "ignored"];
/// The outcomes of a delivery that is stored.
pub const OUTCOMES: [&str; 6] = ["accepted", "duplicate", "invalid", "handshake", "too_large", "disabled"];

/// When a row was received.
#[derive(clap::Args, Debug, Default, Clone)]
pub struct Period {
    /// Received at this time or later (RFC 3339, a date, or an age such as 2h)
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub since: Option<i64>,

    /// Received before this time
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub until: Option<i64>,
}

impl Period {
    /// Adds it to the conditions on rows that have `received_at`.
    pub fn add_to(&self, conditions: &mut Conditions) {
        if let Some(since) = self.since {
            conditions.add("received_at >= {}", since);
        }
        if let Some(until) = self.until {
            conditions.add("received_at < {}", until);
        }
    }

    /// Adds it to the conditions on events before this id, with the ids between which those of the period are: a walk begins and ends there. False where
    /// there are none.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn add_to_events(&self, store: &Store, before: Option<i64>, conditions: &mut Conditions) -> Result<bool> {
        self.add_to(conditions);
        let mut end = before;
        if let Some(until) = self.until {
            let Some(last) = store.last_event_before(until)? else { return Ok(false) };
            end = Some(end.map_or(last + 1, |end| end.min(last + 1)));
        }
        // One condition, by which SQLite seeks.
        if let Some(end) = end {
            conditions.add("id < {}", end);
        }
        if let Some(since) = self.since {
            let Some(first) = store.first_event_since(since)? else { return Ok(false) };
            conditions.add("id >= {}", first);
        }
        Ok(true)
    }
}

/// The JSON filter of a core call, built from the flags that were given.
#[derive(Default)]
pub struct Filter(Map<String, Value>);

impl Filter {
    /// Sets a key where there is a value.
    pub fn set(&mut self, key: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value.into());
        }
        self
    }

    /// Sets a key to a list that is not empty.
    pub fn set_list(&mut self, key: &str, values: &[String]) -> &mut Self {
        self.set(key, (!values.is_empty()).then(|| values.to_vec()))
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON text.
    pub fn to_document(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// The JSON text of a filter, as a dry run or for good.
    pub fn to_json(&self, dry_run: bool) -> String {
        let mut map = self.0.clone();
        map.insert("dry_run".into(), dry_run.into());
        Value::Object(map).to_string()
    }
}
