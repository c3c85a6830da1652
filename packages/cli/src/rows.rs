//! Rows of the documented views, as they go into tables and JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use knocker_core::conditions::Conditions;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use crate::failure::Result;

/// Columns that hold JSON text.
const JSON_COLUMNS: &[&str] = &["backoff", "headers", "options", "policy"];
/// Options that are agreed words of a handshake: stored, but not for everyone who looks at a list.
const HIDDEN_OPTIONS: &[&str] = &["verify_token"];

/// Every column of `knocker_events` but the body, which is read for one event only.
pub const EVENT_COLUMNS: &str = "id, endpoint, type, key, status, attempts, max_attempts, reason, delivery_id, deliveries, received_at, \
     last_delivery_at, next_attempt_at, ended_at";

/// Every column of `knocker_deliveries` but headers and body, which are read for one delivery only.
pub const DELIVERY_COLUMNS: &str = "id, endpoint, outcome, event_id, reason, detail, provider_event_id, provider_delivery_id, method, url, body_size, \
     body_sha256, received_at";

/// A row with its column names, in the order of the columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row(Vec<(String, Value)>);

impl Row {
    /// The value of a column; null where the row has no such column.
    pub fn get(&self, column: &str) -> &Value {
        self.0.iter().find(|(name, _)| name == column).map_or(&Value::Null, |(_, value)| value)
    }

    /// The text of a column, where it has one.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.get(column).as_str()
    }

    /// The whole number of a column, where it has one.
    pub fn whole(&self, column: &str) -> Option<i64> {
        self.get(column).as_i64()
    }

    /// Adds a column.
    pub fn push(&mut self, column: &str, value: Value) {
        self.0.push((column.to_owned(), value));
    }

    /// This row with the columns of another one behind its own.
    pub fn followed_by(mut self, other: &Row) -> Self {
        self.0.extend_from_slice(&other.0);
        self
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Runs a SELECT. A BLOB that is UTF-8 becomes text; another one becomes `<column>_base64`, beside a null column.
pub fn select(conn: &Connection, sql: &str, params: impl Params) -> Result<Vec<Row>> {
    let mut statement = conn.prepare(sql)?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut rows = statement.query(params)?;
    let mut selected = Vec::new();
    while let Some(row) = rows.next()? {
        let mut columns = Row(Vec::with_capacity(names.len()));
        for (index, name) in names.iter().enumerate() {
            match row.get_ref(index)? {
                ValueRef::Blob(bytes) if std::str::from_utf8(bytes).is_err() => {
                    columns.push(name, Value::Null);
                    columns.push(&format!("{name}_base64"), STANDARD.encode(bytes).into());
                }
                value => columns.push(name, json(name, value)),
            }
        }
        selected.push(columns);
    }
    Ok(selected)
}

fn json(column: &str, value: ValueRef) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) if column == "enabled" => Value::Bool(number != 0),
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            if !JSON_COLUMNS.contains(&column) {
                return text.into();
            }
            let mut value = serde_json::from_str(&text).unwrap_or_else(|_| text.into());
            if column == "options" {
                hide(&mut value);
            }
            value
        }
    }
}

fn hide(options: &mut Value) {
    for name in HIDDEN_OPTIONS {
        if let Some(value) = options.get_mut(name) {
            *value = "[hidden]".into();
        }
    }
}

/// The newest rows of a view.
pub struct List<'a> {
    /// The columns to read, with commas; `id` is one of them.
    pub columns: &'a str,
    /// The view.
    pub view: &'a str,
    /// What the rows meet.
    pub conditions: Conditions,
    /// A column and the names that it may have, which come from a closed list; with no names it may have any.
    pub one_of: (&'a str, &'a [String]),
    /// How many rows.
    pub limit: i64,
}

impl List<'_> {
    /// Reads the rows, the newest first.
    pub fn read(&self, conn: &Connection) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for sql in self.statements() {
            rows.extend(select(conn, &sql, rusqlite::params_from_iter(self.conditions.values()))?);
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.whole("id")));
        rows.dedup_by_key(|row| row.whole("id"));
        rows.truncate(self.limit as usize);
        Ok(rows)
    }

    /// Each name is asked for by itself, so that a partial index on it applies.
    fn statements(&self) -> Vec<String> {
        let (column, names) = self.one_of;
        let statement = |conditions: &Conditions| {
            format!("SELECT {} FROM {} WHERE {} ORDER BY id DESC LIMIT {}", self.columns, self.view, conditions.to_sql(), self.limit)
        };
        if names.is_empty() {
            return vec![statement(&self.conditions)];
        }
        let of_name = |name: &String| {
            let mut conditions = self.conditions.clone();
            conditions.add_one_of(column, std::slice::from_ref(name));
            statement(&conditions)
        };
        names.iter().map(of_name).collect()
    }
}

#[cfg(test)]
mod tests {
    use knocker_core::Store;

    use super::*;

    #[test]
    fn blobs_are_text_where_they_can_be_and_base64_elsewhere() {
        let conn = Connection::open_in_memory().unwrap();
        let rows = select(&conn, "SELECT x'6869' AS a, x'ff00' AS body, NULL AS n", []).unwrap();
        assert_eq!(serde_json::to_string(&rows).unwrap(), r#"[{"a":"hi","body":null,"body_base64":"/wA=","n":null}]"#);
    }

    #[test]
    fn handshake_words_are_hidden_and_json_is_not_quoted() {
        let conn = Connection::open_in_memory().unwrap();
        let rows = select(&conn, r#"SELECT '{"verify_token":"test-word","tolerance_s":5}' AS options, 0 AS enabled"#, []).unwrap();
        assert_eq!(serde_json::to_string(&rows[0]).unwrap(), r#"{"options":{"tolerance_s":5,"verify_token":"[hidden]"},"enabled":false}"#);
    }

    #[test]
    fn rare_statuses_and_outcomes_are_found_by_their_indexes() {
        let store = Store::new(Connection::open_in_memory().unwrap());
        store.bootstrap(0).unwrap();
        let mut conditions = Conditions::default();
        conditions.add("endpoint = {}", "orders".to_owned());
        conditions.add("received_at >= {}", 1);
        let plans = |columns, view, column, names: &[&str]| -> Vec<String> {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let list = List { columns, view, conditions: conditions.clone(), one_of: (column, &names), limit: 50 };
            let plan_of = |sql: String| {
                let steps = select(store.conn(), &format!("EXPLAIN QUERY PLAN {sql}"), rusqlite::params_from_iter(conditions.values()));
                steps.unwrap().iter().map(|step| step.text("detail").unwrap_or_default().to_owned()).collect::<Vec<_>>().join("; ")
            };
            list.statements().into_iter().map(plan_of).collect()
        };
        let outcomes = ["duplicate", "invalid", "handshake", "too_large", "disabled"];
        for plan in plans(DELIVERY_COLUMNS, "knocker_deliveries", "outcome", &outcomes) {
            assert!(plan.contains("SEARCH d USING INDEX _knocker_deliveries_outcome"), "{plan}");
        }
        for plan in plans(EVENT_COLUMNS, "knocker_events", "status", &["failed", "dead", "ignored"]) {
            assert!(plan.contains("SCAN e USING INDEX _knocker_events_"), "{plan}");
        }
    }
}
