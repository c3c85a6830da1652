//! Filters: conditions collected into one SQL text with its values.

use rusqlite::types::Value;

/// SQL conditions joined by AND, with the values of their placeholders.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    sql: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition; `{}` in it stands for the value.
    pub fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        self.sql.push(condition.replace("{}", &format!("?{}", self.values.len())));
    }

    /// Adds a condition without a value.
    pub fn add_plain(&mut self, condition: impl Into<String>) {
        self.sql.push(condition.into());
    }

    /// `column` is one of `names`, which come from a closed list. Written as literals so that the partial indexes apply.
    pub fn add_one_of(&mut self, column: &str, names: &[String]) {
        let alternatives: Vec<String> = names.iter().map(|name| format!("{column} = '{name}'")).collect();
        self.sql.push(format!("({})", alternatives.join(" OR ")));
    }

    /// A type: exact, or every one that starts with `prefix.` for `prefix.*`.
    pub fn add_type(&mut self, pattern: &str) {
        match pattern.strip_suffix('*') {
            Some("") => {}
            Some(prefix) if prefix.ends_with('.') => self.add("substr(type, 1, length({})) = {}", prefix.to_owned()),
            _ => self.add("type = {}", pattern.to_owned()),
        }
    }

    /// The text behind WHERE: true where there is no condition.
    pub fn to_sql(&self) -> String {
        if self.sql.is_empty() { "1".into() } else { self.sql.join(" AND ") }
    }

    /// The same, of one row: [`Conditions::values_of_one`] says which.
    pub(crate) fn to_sql_of_one(&self) -> String {
        format!("{} AND id = ?{}", self.to_sql(), self.values.len() + 1)
    }

    /// The values of the placeholders of [`Conditions::to_sql_of_one`].
    pub(crate) fn values_of_one(&self, id: i64) -> impl Iterator<Item = Value> {
        self.values.iter().cloned().chain([id.into()])
    }

    /// The values of the placeholders, in order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}
