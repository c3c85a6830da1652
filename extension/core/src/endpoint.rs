//! Endpoints: a name in the URL, the provider that verifies it, and its settings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::OptionalExtension;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::arguments::Arguments;
use crate::backoff::Backoff;
use crate::error::{Code, Error, Result, suggestion};
use crate::forms::{Kind, form};
use crate::lifecycle::EventStatus;
use crate::providers::engine::digest::sha256_hex;
use crate::providers::{self, Provider};
use crate::store::Store;
use crate::verifier::Verifier;
use crate::words::words;

form! {
    /// The settings of an endpoint; null stands for the default.
    SETTINGS = "EndpointSettings" {
        /// Name of a provider; without one the endpoint takes trusted ingress only.
        "provider": Kind::Text;
        /// Options of that provider.
        "options": Kind::Options;
        /// Whether receipts are taken; where not, they are answered 410.
        "enabled": Kind::Flag;
        /// Attempts before an event is dead.
        "max_attempts": Kind::Whole(1, 1000);
        /// The delay after attempt n: base × factorⁿ⁻¹, at most the cap, and then ±10 % of jitter.
        "backoff": Kind::Part(&BACKOFF);
        /// Larger bodies are refused before verification. Where it is not set: the provider's documented maximum, at least this.
        "max_body_bytes": Kind::Whole(1, 100 * 1024 * 1024);
        /// What becomes of an event that no handler wants.
        "unhandled": Kind::Choice("Unhandled", Unhandled::NAMES);
        /// What a duplicate does to its event.
        "on_redelivery": Kind::Choice("OnRedelivery", OnRedelivery::NAMES);
        /// Refused receipts that are stored in any hour; those beyond are only counted.
        "invalid_per_hour": Kind::Whole(0, 1_000_000_000);
        /// Refused deliveries that are kept in all; those beyond are only counted, until a prune or a retention policy makes room.
        "max_refused": Kind::Whole(0, 1_000_000_000);
        /// Bytes that they take at most, every column counted.
        "max_refused_bytes": Kind::Whole(0, 1_000_000_000_000);
        /// Events that one delivery creates at most; a larger batch is stored whole, as one event.
        "max_batch_events": Kind::Whole(1, 1_000_000);
    }
}

form! {
    /// The delay between attempts; null stands for the default.
    BACKOFF = "BackoffSettings" {
        /// Delay after the first attempt.
        "base_s": Kind::Number(0.0, 2_592_000.0);
        /// What each further attempt multiplies it by.
        "factor": Kind::Number(1.0, 100.0);
        /// The longest delay.
        "cap_s": Kind::Number(0.0, 2_592_000.0);
    }
}

/// Each setting in a column of its own, for the view, from the JSON in `?2`.
const COLUMNS: &str = "provider = ?2 ->> '$.provider', options = ?2 -> '$.options', enabled = ?2 ->> '$.enabled',
    max_attempts = ?2 ->> '$.max_attempts', backoff = ?2 -> '$.backoff', max_body_bytes = ?2 ->> '$.max_body_bytes',
    unhandled = ?2 ->> '$.unhandled', on_redelivery = ?2 ->> '$.on_redelivery', invalid_per_hour = ?2 ->> '$.invalid_per_hour',
    max_refused = ?2 ->> '$.max_refused', max_refused_bytes = ?2 ->> '$.max_refused_bytes', max_batch_events = ?2 ->> '$.max_batch_events'";

/// The longest name of an endpoint, in bytes.
const LONGEST_NAME: usize = 64;

words! {
    /// What becomes of an event that no handler wants.
    pub enum Unhandled {
        /// A failed attempt with the reason `no_handler`: another process, of a newer version perhaps, may have the handler.
        Retry = "retry",
        /// Dead with the reason `no_handler`, so that somebody looks.
        Dead = "dead",
        /// Ignored.
        Ignore = "ignore",
    }
}

words! {
    /// What a duplicate does to its event.
    pub enum OnRedelivery {
        /// Nothing.
        Keep = "keep",
        /// Puts a dead event back in the queue.
        RequeueDead = "requeue_dead",
    }
}

/// The settings of an endpoint, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointSettings {
    /// The provider's canonical name; without one the endpoint takes trusted ingress only.
    pub provider: Option<String>,
    /// Options of the provider.
    pub options: Map<String, Value>,
    /// Whether receipts are taken.
    pub enabled: bool,
    /// Attempts before an event is dead.
    pub max_attempts: i64,
    /// The delay between attempts.
    pub backoff: Backoff,
    /// Larger bodies are refused before verification.
    pub max_body_bytes: i64,
    /// What becomes of an event that no handler wants.
    pub unhandled: Unhandled,
    /// What a duplicate does to its event.
    pub on_redelivery: OnRedelivery,
    /// Refused receipts beyond this number an hour are only counted.
    pub invalid_per_hour: i64,
    /// Refused deliveries that are kept at most; what comes beyond is only counted until a prune makes room.
    pub max_refused: i64,
    /// Bytes that they take at most.
    pub max_refused_bytes: i64,
    /// Events that one delivery creates at most; a larger batch is one event.
    pub max_batch_events: i64,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            provider: None,
            options: Map::new(),
            enabled: true,
            max_attempts: 10,
            backoff: Backoff::default(),
            max_body_bytes: providers::TYPICAL_BODY,
            unhandled: Unhandled::Retry,
            on_redelivery: OnRedelivery::Keep,
            invalid_per_hour: 1000,
            max_refused: 10_000,
            max_refused_bytes: 128 * 1024 * 1024,
            max_batch_events: 10_000,
        }
    }
}

/// A stored endpoint, ready for use.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its id in the views.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its settings.
    pub config: EndpointSettings,
    /// What verifies its requests.
    pub(crate) verifier: Option<Verifier>,
    /// The stored text of `config`, to notice a change.
    pub(crate) text: String,
    /// Stands for name and settings in a judgement.
    pub(crate) fingerprint: String,
}

/// How often somebody in this process has noticed that settings changed.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// For so long a judgement may be made under the settings seen last, without a read. One made under former settings is refused when it is
/// stored, and the refusal makes everybody in this process read them again.
const SEEN_FOR: Duration = Duration::from_secs(1);

/// An endpoint as it was read last.
#[derive(Debug)]
pub(crate) struct SeenEndpoint {
    endpoint: Arc<Endpoint>,
    changes: u64,
    read_at: Instant,
}

/// Tells every connection of this process to read settings again.
pub(crate) fn settings_changed() {
    CHANGES.fetch_add(1, Ordering::AcqRel);
}

impl Endpoint {
    /// The queue of its jobs.
    pub(crate) fn queue(&self) -> String {
        queue_name(&self.name)
    }
}

/// The Honker queue of an endpoint.
pub(crate) fn queue_name(endpoint: &str) -> String {
    format!("knocker:{endpoint}")
}

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
        Ok(id)
    }

    /// The endpoint of this name as it is stored now.
    ///
    /// # Errors
    /// [`Code::UnknownEndpoint`], naming the nearest one.
    pub fn find_endpoint(&self, name: &str) -> Result<Arc<Endpoint>> {
        let (changes, read_at) = (CHANGES.load(Ordering::Acquire), Instant::now());
        let Some((id, text)) = self.endpoint_text(name)? else { return Err(self.unknown_endpoint(name)) };
        if let Some(seen) = self.endpoints.borrow_mut().get_mut(name)
            && seen.endpoint.id == id
            && seen.endpoint.text == text
        {
            (seen.changes, seen.read_at) = (changes, read_at);
            return Ok(seen.endpoint.clone());
        }
        let config: EndpointSettings = parse_stored(name, &text)?;
        let verifier = config.provider.as_deref().map(|provider| Verifier::new(provider, &config.options)).transpose();
        let verifier = verifier.map_err(|error| damaged(name, error.message()))?;
        let mut fingerprint = sha256_hex(&[name.as_bytes(), b"\n", text.as_bytes()]);
        fingerprint.truncate(32);
        let endpoint = Arc::new(Endpoint { id, name: name.to_owned(), config, verifier, text, fingerprint });
        self.endpoints.borrow_mut().insert(name.to_owned(), SeenEndpoint { endpoint: endpoint.clone(), changes, read_at });
        Ok(endpoint)
    }

    /// The endpoint as it was read last, if this connection has read it.
    pub(crate) fn seen_endpoint(&self, name: &str) -> Option<Arc<Endpoint>> {
        self.endpoints.borrow().get(name).map(|seen| seen.endpoint.clone())
    }

    /// The same, if that is not long ago and nobody has noticed a change since.
    pub(crate) fn fresh_endpoint(&self, name: &str) -> Option<Arc<Endpoint>> {
        let seen = self.endpoints.borrow();
        let seen = seen.get(name)?;
        let fresh = seen.changes == CHANGES.load(Ordering::Acquire) && seen.read_at.elapsed() < SEEN_FOR;
        fresh.then(|| seen.endpoint.clone())
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
        let config = parse_stored(name, &text)?;
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

fn parse_stored(name: &str, text: &str) -> Result<EndpointSettings> {
    serde_json::from_str(text).map_err(|error| damaged(name, &error.to_string()))
}

/// A row that was edited by hand, or written by a newer version.
pub(crate) fn damaged(name: &str, why: &str) -> Error {
    Error::new(Code::Corrupt, format!("the stored settings of endpoint {name:?} cannot be used: {why}"))
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

fn merge(stored: Option<&EndpointSettings>, given: &Arguments) -> Result<EndpointSettings> {
    let defaults = EndpointSettings::default();
    let base = stored.unwrap_or(&defaults);
    let provider = match given.text("provider")? {
        Some(name) => Some(providers::find(&name)?.name.to_owned()),
        None if given.has("provider") => None,
        None => base.provider.clone(),
    };
    let options = match given.get("options") {
        Some(Value::Object(options)) => options.clone(),
        Some(_) => return Err(given.error("options", "must be an object")),
        // Options belong to a provider: another one starts from its own defaults.
        None if given.has("options") || provider != base.provider => Map::new(),
        None => base.options.clone(),
    };
    match &provider {
        Some(name) => drop(Verifier::new(name, &options)?),
        None if !options.is_empty() => return Err(given.error("options", "need a provider")),
        None => {}
    }
    let own_limit = body_limit(provider.as_deref())?;
    let limit = |key, stored, default| -> Result<i64> { Ok(pick(given, key, given.whole(key)?, stored, default)) };
    Ok(EndpointSettings {
        provider,
        options,
        enabled: pick(given, "enabled", given.boolean("enabled")?, base.enabled, defaults.enabled),
        max_attempts: pick(given, "max_attempts", given.whole("max_attempts")?, base.max_attempts, defaults.max_attempts),
        backoff: pick(given, "backoff", parse_backoff(given, base.backoff)?, base.backoff, defaults.backoff),
        max_body_bytes: pick(
            given,
            "max_body_bytes",
            given.whole("max_body_bytes")?,
            // One that nobody set goes with the provider.
            if base.max_body_bytes == body_limit(base.provider.as_deref())? { own_limit } else { base.max_body_bytes },
            own_limit,
        ),
        unhandled: pick(given, "unhandled", parse_choice(given, "unhandled")?, base.unhandled, defaults.unhandled),
        on_redelivery: pick(given, "on_redelivery", parse_choice(given, "on_redelivery")?, base.on_redelivery, defaults.on_redelivery),
        invalid_per_hour: limit("invalid_per_hour", base.invalid_per_hour, defaults.invalid_per_hour)?,
        max_refused: limit("max_refused", base.max_refused, defaults.max_refused)?,
        max_refused_bytes: limit("max_refused_bytes", base.max_refused_bytes, defaults.max_refused_bytes)?,
        max_batch_events: limit("max_batch_events", base.max_batch_events, defaults.max_batch_events)?,
    })
}

/// What an endpoint with this provider takes where nobody said: what the provider documents to send.
fn body_limit(provider: Option<&str>) -> Result<i64> {
    Ok(provider.map(providers::find).transpose()?.map_or(EndpointSettings::default().max_body_bytes, Provider::default_body_limit))
}

/// The given value; the default for an explicit null; the stored one for an absent key.
fn pick<T>(given: &Arguments, key: &str, value: Option<T>, stored: T, default: T) -> T {
    value.unwrap_or(if given.has(key) { default } else { stored })
}

fn parse_backoff(given: &Arguments, stored: Backoff) -> Result<Option<Backoff>> {
    let Some(value) = given.get("backoff") else { return Ok(None) };
    let parts = Arguments::from_value("config: backoff", value.clone(), &BACKOFF)?;
    let default = Backoff::default();
    Ok(Some(Backoff {
        base_s: pick(&parts, "base_s", parts.number("base_s")?, stored.base_s, default.base_s),
        factor: pick(&parts, "factor", parts.number("factor")?, stored.factor, default.factor),
        cap_s: pick(&parts, "cap_s", parts.number("cap_s")?, stored.cap_s, default.cap_s),
    }))
}

fn parse_choice<T: for<'de> Deserialize<'de>>(given: &Arguments, key: &str) -> Result<Option<T>> {
    let Some(choice) = given.choice(key)? else { return Ok(None) };
    Ok(Some(serde_json::from_value(json!(choice)).expect("the choices are the variants")))
}
