//! How long the receipts of one process took, as it says it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Error, Result};

/// The bounds of the buckets, in microseconds.
pub const RECEIVE_BOUNDS_US: [i64; 13] =
    [500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000];

/// What the receipts of one endpoint took.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Receives {
    /// How many lie between a bound and the one before it, and in the last place those above all.
    pub within: Vec<i64>,
    /// What they took together.
    pub sum_us: i64,
}

/// Reads `{endpoint: {"within": […], "sum_us": n}}`.
pub(super) fn parse(json: &str) -> Result<BTreeMap<String, Receives>> {
    let receives: BTreeMap<String, Receives> = serde_json::from_str(json).map_err(|error| Error::invalid(format!("receives: {error}")))?;
    let places = RECEIVE_BOUNDS_US.len() + 1;
    for (endpoint, Receives { within, sum_us }) in &receives {
        if within.len() != places || within.iter().any(|&n| n < 0) || *sum_us < 0 {
            return Err(Error::invalid(format!("receives: {endpoint:?}: within must be {places} numbers, and none may be negative")));
        }
    }
    Ok(receives)
}
