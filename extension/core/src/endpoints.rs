//! The stored endpoints: declared, changed and found.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row};

use crate::arguments::Arguments;
use crate::endpoint::{Endpoint, parse_settings};
use crate::error::{Code, Error, Result, suggestion};
use crate::lifecycle::EventStatus;
use crate::schema::VERSION;
use crate::seen::{look, settings_changed};
use crate::settings::{EndpointSettings, SETTINGS, merge};
use crate::store::Store;

/// Each setting in a column of its own, for the view, from the JSON in `?2`.
const COLUMNS: &str = "provider = ?2 ->> '$.provider', options = ?2 -> '$.options', enabled = ?2 ->> '$.enabled',
    max_attempts = ?2 ->> '$.max_attempts', backoff = ?2 -> '$.backoff', max_body_bytes = ?2 ->> '$.max_body_bytes',
    unhandled = ?2 ->> '$.unhandled', on_redelivery = ?2 ->> '$.on_redelivery', invalid_per_hour = ?2 ->> '$.invalid_per_hour',
    max_refused = ?2 ->> '$.max_refused', max_refused_bytes = ?2 ->> '$.max_refused_bytes', max_batch_events = ?2 ->> '$.max_batch_events'";

/// The longest name of an endpoint, in bytes.
const LONGEST_NAME: usize = 64;

impl Store {
    /// Creates the endpoint or changes its settings, and returns its id. A key that `config` leaves out keeps its stored value, null
    /// puts the default back. Writes nothing where nothing changes.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for a bad name, key or value; [`Code::UnknownProvider`].
    pub fn endpoint(&self, name: &str, config: &str, now: i64) -> Result<i64> {
        check_name(name)?;
        let arguments = Arguments::parse("config", config, &SETTINGS)?;
        self.require_schema()?;
        if let Some(stored) = self.stored_endpoint(name)?
            && merge(Some(&stored.2), &arguments)? == stored.2
        {
            return Ok(stored.0);
        }
        let id = self.write(|| {
            let stored = self.stored_endpoint(name)?;
            let merged = merge(stored.as_ref().map(|stored| &stored.2), &arguments)?;
            let text = serde_json::to_string(&merged).expect("settings are plain JSON");
            let id = match stored {
                Some((id, ..)) => id,
                None => self.insert_endpoint(name, &text, now)?,
            };
            self.run(
                &format!("UPDATE main._knocker_endpoints SET config = ?2, updated_at = ?3, {COLUMNS} WHERE id = ?1"),
                (id, text, now),
            )?;
            Ok(id)
        })?;
        settings_changed();
        Ok(id)
    }

    fn insert_endpoint(&self, name: &str, text: &str, now: i64) -> Result<i64> {
        let sql = "INSERT INTO main._knocker_endpoints (name, config, created_at, updated_at) VALUES (?1, ?2, ?3, ?3)";
        self.run(sql, (name, text, now))?;
        let id = self.conn().last_insert_rowid();
        for status in EventStatus::NAMES {
            self.run("INSERT INTO main._knocker_counts (endpoint_id, status, n) VALUES (?1, ?2, 0)", (id, status))?;
        }
        self.index_many_queues()?;
        Ok(id)
    }

    /// The endpoint of this name as it is stored now.
    ///
    /// # Errors
    /// [`Code::UnknownEndpoint`], naming the nearest one.
    pub fn find_endpoint(&self, name: &str) -> Result<Arc<Endpoint>> {
        let look = look();
        let Some((id, text)) = self.endpoint_text(name)? else { return Err(self.unknown_endpoint(name)) };
        self.seen.remember(look, id, name, text)
    }

    /// The same in a file whose schema is this build's, in one look.
    pub(crate) fn find_endpoint_of_schema(&self, name: &str) -> Result<Arc<Endpoint>> {
        let look = look();
        let sql = "SELECT id, config FROM main._knocker_endpoints WHERE name = ?1 AND ?2 = (SELECT max(version) FROM main._knocker_schema)";
        let read = |row: &Row| {
            let id = row.get(0)?;
            let unchanged = self.seen.unchanged(&look, id, name, row.get_ref(1)?.as_bytes()?);
            unchanged.map_or_else(|| Ok(Err((id, row.get(1)?))), |endpoint| Ok(Ok(endpoint)))
        };
        let found = self.conn().prepare_cached(sql).and_then(|mut statement| statement.query_row((name, VERSION), read).optional());
        match found {
            Ok(Some(Ok(endpoint))) => Ok(endpoint),
            Ok(Some(Err((id, text)))) => self.seen.remember(look, id, name, text),
            // What is missing is told by who looks for it alone.
            _ => {
                self.require_schema()?;
                self.find_endpoint(name)
            }
        }
    }

    /// Every endpoint, in the order of creation.
    pub(crate) fn endpoint_names(&self) -> Result<Vec<(i64, String)>> {
        let mut statement = self.conn().prepare_cached("SELECT id, name FROM main._knocker_endpoints ORDER BY id")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The endpoint with this id as it is stored now.
    pub(crate) fn endpoint_by_id(&self, id: i64) -> Result<Arc<Endpoint>> {
        let mut statement = self.conn().prepare_cached("SELECT name FROM main._knocker_endpoints WHERE id = ?1")?;
        let name: Option<String> = statement.query_row([id], |row| row.get(0)).optional()?;
        let name = name.ok_or_else(|| Error::new(Code::Corrupt, format!("there is no endpoint with the id {id}, which an event has")))?;
        self.find_endpoint(&name)
    }

    fn endpoint_text(&self, name: &str) -> Result<Option<(i64, String)>> {
        let mut statement = self.conn().prepare_cached("SELECT id, config FROM main._knocker_endpoints WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    fn stored_endpoint(&self, name: &str) -> Result<Option<(i64, String, EndpointSettings)>> {
        let Some((id, text)) = self.endpoint_text(name)? else { return Ok(None) };
        let config = parse_settings(name, &text)?;
        Ok(Some((id, text, config)))
    }

    pub(crate) fn unknown_endpoint(&self, name: &str) -> Error {
        if name.len() > LONGEST_NAME {
            return Error::new(Code::UnknownEndpoint, format!("there is no endpoint with a name of {} bytes", name.len()));
        }
        // Inside a transaction everybody who writes would wait for the search.
        let names = if self.conn().is_autocommit() { self.first_endpoint_names().unwrap_or_default() } else { Vec::new() };
        let near = suggestion(name, names.iter().map(String::as_str));
        Error::new(Code::UnknownEndpoint, format!("there is no endpoint {name:?}{near}"))
    }

    /// Enough of them to find the one that was meant.
    fn first_endpoint_names(&self) -> Result<Vec<String>> {
        let mut statement = self.conn().prepare_cached("SELECT name FROM main._knocker_endpoints ORDER BY id LIMIT 1000")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<rusqlite::Result<_>>()?)
    }
}

fn check_name(name: &str) -> Result<()> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    // Two dots, and one, are steps in a URL and no names.
    if name.len() > LONGEST_NAME {
        return Err(Error::invalid(format!("endpoint name: has {} bytes; at most {LONGEST_NAME} are allowed", name.len())));
    }
    if name.is_empty() || !name.bytes().all(valid) || name == "." || name == ".." {
        return Err(Error::invalid(format!("endpoint name {name:?}: must be 1 to 64 characters of a-z A-Z 0-9 _ . - and not . or ..")));
    }
    Ok(())
}
