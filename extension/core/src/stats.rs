//! Figures for operators. Everything comes from counters and the ends of indexes, so the cost does not grow with the file.

use serde::Serialize;

use crate::endpoint::{damaged, queue_name};
use crate::error::Result;
use crate::minutes::Tally;
use crate::refusals::RefusedKept;
use crate::settings::EndpointSettings;
use crate::store::Store;

/// Events by status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct EventCounts {
    /// Waiting for their first attempt.
    pub received: i64,
    /// Being worked on.
    pub processing: i64,
    /// Waiting for another attempt.
    pub failed: i64,
    /// Done with.
    pub handled: i64,
    /// Without further attempts.
    pub dead: i64,
    /// Not to be handled.
    pub ignored: i64,
}

impl EventCounts {
    fn add(&mut self, status: &str, n: i64) {
        match status {
            "received" => self.received += n,
            "processing" => self.processing += n,
            "failed" => self.failed += n,
            "handled" => self.handled += n,
            "dead" => self.dead += n,
            "ignored" => self.ignored += n,
            _ => {}
        }
    }
}

/// The figures of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct EndpointStats {
    /// Its name.
    pub endpoint: String,
    /// Its provider.
    pub provider: Option<String>,
    /// Whether it takes receipts.
    pub enabled: bool,
    /// Events by status.
    pub events: EventCounts,
    /// How long the longest-waiting due job has been due, in milliseconds.
    pub oldest_waiting_ms: Option<i64>,
    /// What happened in the last hour.
    pub last_hour: Tally,
    /// What is kept of refused deliveries.
    pub refused: RefusedKept,
}

/// The figures of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct Stats {
    /// By endpoint, in the order of creation.
    pub endpoints: Vec<EndpointStats>,
    /// Events by status over all endpoints.
    pub events: EventCounts,
    /// The longest over all endpoints.
    pub oldest_waiting_ms: Option<i64>,
    /// The sum over all endpoints.
    pub last_hour: Tally,
    /// Size of the database file, in bytes.
    pub database_bytes: i64,
}

impl Store {
    /// Reads the figures.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn stats(&self, now: i64) -> Result<Stats> {
        self.require_schema()?;
        // As in the metrics: all that follows is of one state of the file, which is locked for reading once and not for each look.
        let mut state = self.conn().prepare_cached("SELECT version FROM main._knocker_schema")?;
        let mut held = state.query([])?;
        held.next()?;
        let database_bytes = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let mut stats = Stats {
            endpoints: Vec::new(),
            events: EventCounts::default(),
            oldest_waiting_ms: None,
            last_hour: Tally::default(),
            database_bytes: self.conn().prepare_cached(database_bytes)?.query_row([], |row| row.get(0))?,
        };
        // One look at each table for all endpoints: a platform has thousands of them.
        let (mut counts, last_hours, kept) = (self.counts()?, self.last_hours(now)?, self.all_kept_refusals()?);
        for (id, name, config) in self.configured_endpoints()? {
            let counted = counts.remove(&id).unwrap_or_default();
            let mut events = EventCounts::default();
            for (status, n) in &counted.events {
                events.add(status, *n);
                stats.events.add(status, *n);
            }
            let endpoint = EndpointStats {
                oldest_waiting_ms: self.oldest_waiting_ms(&name, counted.open_events(), now)?,
                endpoint: name,
                enabled: config.enabled,
                events,
                last_hour: last_hours.get(&id).copied().unwrap_or_default(),
                refused: RefusedKept::of(&config, kept.get(&id).map_or(&[], Vec::as_slice)),
                provider: config.provider,
            };
            stats.oldest_waiting_ms = stats.oldest_waiting_ms.max(endpoint.oldest_waiting_ms);
            stats.last_hour += endpoint.last_hour;
            stats.endpoints.push(endpoint);
        }
        Ok(stats)
    }

    /// How long the endpoint's longest-waiting due job has been due. Where no event is `open`, the queue is not asked: most tenants' are empty.
    pub(crate) fn oldest_waiting_ms(&self, endpoint: &str, open: i64, now: i64) -> Result<Option<i64>> {
        if open == 0 {
            return Ok(None);
        }
        Ok(self.oldest_due(&queue_name(endpoint), now)?.map(|due_s| now - due_s * 1000))
    }

    pub(crate) fn configured_endpoints(&self) -> Result<Vec<(i64, String, EndpointSettings)>> {
        let mut statement = self.conn().prepare_cached("SELECT id, name, config FROM main._knocker_endpoints ORDER BY id")?;
        let mut rows = statement.query([])?;
        let mut endpoints = Vec::new();
        while let Some(row) = rows.next()? {
            let (name, text): (String, String) = (row.get(1)?, row.get(2)?);
            let config = serde_json::from_str(&text).map_err(|error: serde_json::Error| damaged(&name, &error.to_string()))?;
            endpoints.push((row.get(0)?, name, config));
        }
        Ok(endpoints)
    }
}
