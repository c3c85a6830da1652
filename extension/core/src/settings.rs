//! The settings of an endpoint: what may be given, what stands where nothing was, and what both make.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::arguments::Arguments;
use crate::backoff::Backoff;
use crate::error::Result;
use crate::forms::{Kind, form};
use crate::providers::{self, Provider};
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

/// The stored settings, or the defaults, with what was given laid over them: a key that is left out keeps its value, null puts the default back.
pub(crate) fn merge(stored: Option<&EndpointSettings>, given: &Arguments) -> Result<EndpointSettings> {
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
