//! A connection with the library loaded, and a small layer to call the SQL functions.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::library;

/// Columns that hold JSON text, compared as the JSON that they hold.
const JSON_COLUMNS: &[&str] = &["options", "backoff", "headers", "filter", "policy", "aliases", "types"];

/// How long locks are waited for: longer than any disk is slow. SQLite's wait is not fair, so that one of many writers may see the others go
/// first for minutes.
const PATIENCE: Duration = Duration::from_secs(1800);

/// A connection on a file, opened as the packages open theirs.
pub struct Database {
    /// The connection itself.
    pub conn: Connection,
    path: PathBuf,
    _folder: Option<TempDir>,
}

/// An error as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code of `knocker: <code>: <message>`; empty where the text has another form.
    pub code: String,
    /// The whole text.
    pub text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let text = match &error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            other => other.to_string(),
        };
        let code = text.strip_prefix("knocker: ").and_then(|rest| rest.split_once(": ")).map_or("", |(code, _)| code);
        Self { code: code.to_owned(), text }
    }
}

/// Any value that SQLite takes as an argument.
pub type Argument = Sql;

/// An argument from anything that SQLite stores.
pub fn argument(value: impl ToSql) -> Argument {
    match value.to_sql().expect("a value that SQLite stores") {
        ToSqlOutput::Borrowed(borrowed) => borrowed.try_into().expect("text in UTF-8"),
        ToSqlOutput::Owned(owned) => owned,
        other => panic!("not a plain value: {other:?}"),
    }
}

/// `call!(database, "knocker_claim", "w1", 10, 30)`: calls a function with any mix of arguments.
#[macro_export]
macro_rules! call {
    ($database:expr, $function:expr $(, $argument:expr)* $(,)?) => {
        $database.call($function, &[$($crate::database::argument($argument)),*])
    };
}

impl Database {
    /// A new file in a folder of its own, with the schema, gone when this is dropped.
    pub fn fresh() -> Self {
        let database = Self::empty();
        database.call("knocker_bootstrap", &[]).expect("a new file takes the schema");
        database
    }

    /// The same without waiting for the disk: for tests of what is stored, not of when it is safe.
    pub fn quick() -> Self {
        let database = Self::empty();
        database.conn.execute_batch("PRAGMA synchronous = OFF").expect("the setting is taken");
        database.call("knocker_bootstrap", &[]).expect("a new file takes the schema");
        database
    }

    /// A new file without the schema.
    pub fn empty() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("app.db");
        Self { _folder: Some(folder), ..Self::open(&path) }
    }

    /// Opens a file that the caller looks after: WAL, `synchronous=FULL`, foreign keys, and a wait for locks that no slow disk outlasts.
    pub fn open(path: &Path) -> Self {
        Self::try_open(path, PATIENCE).expect("the file opens, the settings are taken, and the library loads")
    }

    /// The same on a disk that may fail, or may have failed.
    pub fn try_open(path: &Path, patience: Duration) -> rusqlite::Result<Self> {
        let conn = Connection::open(path)?;
        conn.busy_timeout(patience)?;
        conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
        load(&conn)?;
        Ok(Self { conn, path: path.to_owned(), _folder: None })
    }

    /// Opens a file that must not be written.
    pub fn open_read_only(path: &Path) -> Self {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the file opens");
        load(&conn).expect("the library loads on a read-only file");
        Self { conn, path: path.to_owned(), _folder: None }
    }

    /// A database of its own that no file stands behind, with the schema.
    pub fn in_memory() -> Self {
        let conn = Connection::open_in_memory().expect("memory opens");
        load(&conn).expect("the library loads");
        let database = Self { conn, path: PathBuf::new(), _folder: None };
        database.call("knocker_bootstrap", &[]).expect("memory takes the schema");
        database
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `SELECT function(arguments…)`, as SQLite returns it.
    pub fn call(&self, function: &str, arguments: &[Argument]) -> Result<Sql, Failure> {
        let marks = vec!["?"; arguments.len()].join(", ");
        let mut statement = self.conn.prepare_cached(&format!("SELECT {function}({marks})"))?;
        Ok(statement.query_row(rusqlite::params_from_iter(arguments), |row| row.get(0))?)
    }

    /// A call whose result is JSON text, or a number, or null.
    pub fn call_json(&self, function: &str, arguments: &[Argument]) -> Result<Value, Failure> {
        Ok(match self.call(function, arguments)? {
            Sql::Text(text) => serde_json::from_str(&text).unwrap_or_else(|error| panic!("{function} returned no JSON ({error}): {text}")),
            other => to_json("", ValueRef::from(&other)),
        })
    }

    /// Every row of a query as an object with its column names.
    pub fn rows(&self, sql: &str, arguments: &[Argument]) -> Result<Vec<Value>, Failure> {
        let mut statement = self.conn.prepare(sql)?;
        let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let mut rows = statement.query(rusqlite::params_from_iter(arguments))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let mut object = Map::new();
            for (index, name) in names.iter().enumerate() {
                object.insert(name.clone(), to_json(name, row.get_ref(index)?));
            }
            found.push(Value::Object(object));
        }
        Ok(found)
    }

    /// One number.
    pub fn number(&self, sql: &str) -> i64 {
        self.conn.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

/// Loads the library through SQLite's own loader.
pub fn load(conn: &Connection) -> rusqlite::Result<()> {
    // SAFETY: the library is the one under test, and loading is switched off again before anything else runs on this connection.
    unsafe {
        conn.load_extension_enable()?;
        let loaded = conn.load_extension(library::path(), None::<&str>);
        conn.load_extension_disable()?;
        loaded
    }
}

/// A column as the data files write it: JSON columns as JSON, `enabled` as a boolean, bytes as text or as `{"$base64": …}`.
fn to_json(column: &str, value: ValueRef) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) if column == "enabled" => Value::from(number != 0),
        ValueRef::Integer(number) => Value::from(number),
        ValueRef::Real(number) => Value::from(number),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let parsed = JSON_COLUMNS.contains(&column).then(|| serde_json::from_str(&text).ok()).flatten();
            parsed.unwrap_or_else(|| Value::from(text))
        }
        ValueRef::Blob(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(_) => json!({ "$base64": BASE64_STANDARD.encode(bytes) }),
        },
    }
}
