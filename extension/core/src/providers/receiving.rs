//! What a provider expects of a receiver beyond the answer to one request: how much it sends at once, and which answers it takes as final.

use super::redelivery::Retries;

/// What an endpoint takes where its provider documents nothing larger, in bytes.
pub(crate) const TYPICAL_BODY: i64 = 1024 * 1024;

pub(crate) const MIB: i64 = 1024 * 1024;

/// The facts about receiving.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receiving {
    /// The largest body that the provider documents to send; `None` where it documents none.
    pub largest_body: Option<i64>,
    /// The statuses after which it does not try again, in words, for a provider that tries again after others; empty where none is known.
    pub final_statuses: &'static str,
}

impl Receiving {
    /// Nothing is documented.
    pub const UNSTATED: Receiving = Receiving { largest_body: None, final_statuses: "" };

    /// Bodies of up to so many bytes, and nothing about statuses.
    pub const fn up_to(bytes: i64) -> Self {
        Receiving { largest_body: Some(bytes), ..Self::UNSTATED }
    }

    /// These statuses are final, and nothing is documented about sizes.
    pub const fn with_final(statuses: &'static str) -> Self {
        Receiving { final_statuses: statuses, ..Self::UNSTATED }
    }

    /// The default of an endpoint's `max_body_bytes`. A documented limit below the usual one makes nothing smaller: should the provider raise
    /// it, nothing gets lost.
    pub fn default_limit(&self) -> i64 {
        self.largest_body.map_or(TYPICAL_BODY, |bytes| bytes.max(TYPICAL_BODY))
    }

    /// The statuses that are final, in words.
    pub fn describe_final(&self, retries: Retries) -> &'static str {
        if retries == Retries::Never { "all: nothing is sent again" } else { self.final_statuses }
    }
}
