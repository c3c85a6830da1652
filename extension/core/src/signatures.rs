//! The SQL functions as data: their names, arguments and results. The extension registers what stands here, and
//! `extension/contract/contract.json` says it to the packages.

#[cfg(feature = "contract")]
use Gives::{Blob, Done, MaybeWhole, Record, Text, Texts, Whole};

/// One SQL function.
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// The arguments that it needs.
    pub required: &'static [&'static Parameter],
    /// Those that may follow, each of which may be left out.
    pub optional: &'static [&'static Parameter],
    /// What it returns.
    #[cfg(feature = "contract")]
    pub gives: Gives,
    /// What it does.
    #[cfg(feature = "contract")]
    pub about: &'static str,
}

/// One argument.
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    #[cfg(feature = "contract")]
    pub takes: Takes,
    /// What it says.
    #[cfg(feature = "contract")]
    pub about: &'static str,
}

/// What an argument may be.
#[cfg(feature = "contract")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// A BLOB or text, byte for byte.
    Bytes,
    /// A BLOB that another function made.
    Blob,
    /// The text of a JSON object of this form.
    Form(&'static str),
    /// The text of a JSON object with options of a provider.
    Options,
    /// The text of a JSON array of texts.
    Texts,
    /// Unix milliseconds.
    Time,
}

/// What a function returns.
#[cfg(feature = "contract")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// A whole number or NULL.
    MaybeWhole,
    /// A BLOB.
    Blob,
    /// The text of a JSON array of texts.
    Texts,
    /// 1: it is done.
    Done,
    /// The JSON of this record.
    Record(&'static str),
}

/// Those that read neither the connection's file nor the clock: they work whatever the file is, and take no `now`.
pub const WITHOUT_A_FILE: [&str; 3] = ["knocker_version", "knocker_strict", "knocker_changed_files"];

impl Signature {
    /// The function of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|signature| signature.name == name)
    }

    /// The argument at this place.
    pub fn parameter(&self, index: usize) -> &'static Parameter {
        let (required, optional) = (self.required, self.optional);
        required.get(index).or_else(|| optional.get(index - required.len())).unwrap_or(&&NOW)
    }
}

macro_rules! parameters {
    ($( $(#[doc = $about:literal])+ $constant:ident = $name:literal, $takes:expr; )+) => {
        $(
            $(#[doc = $about])+
            static $constant: Parameter = Parameter {
                name: $name,
                #[cfg(feature = "contract")]
                takes: $takes,
                #[cfg(feature = "contract")]
                about: concat!($($about),+),
            };
        )+
    };
}

macro_rules! functions {
    ($( $(#[doc = $about:literal])+ $name:literal [$($required:ident),*] [$($optional:ident),*] => $gives:expr; )+) => {
        /// Every function.
        pub static FUNCTIONS: &[Signature] = &[$(
            Signature {
                name: $name,
                required: &[$(&$required),*],
                optional: &[$(&$optional),*],
                #[cfg(feature = "contract")]
                gives: $gives,
                #[cfg(feature = "contract")]
                about: concat!($($about),+),
            }
        ),+];
    };
}

parameters! {
    /// The moment of the call; left out: the system clock, read once.
    NOW = "now", Takes::Time;
    /// 1: calls without `now` are refused; 0: they read the system clock.
    ON = "on", Takes::Whole;
    /// The path of the files, with one `*` in its last part or the one before, which stands for a name.
    PATTERN = "pattern", Takes::Text;
    /// The name of an endpoint.
    ENDPOINT = "endpoint", Takes::Text;
    /// 1 to 64 characters of `a-z A-Z 0-9 _ . -`, and not `.` or `..`.
    NAME = "name", Takes::Text;
    /// Its settings.
    CONFIG = "config", Takes::Form("EndpointSettings");
    /// Method, URL and headers of the HTTP request.
    REQUEST = "request", Takes::Form("WebhookRequest");
    /// The raw bytes of its body; NULL is an empty one.
    BODY = "body", Takes::Bytes;
    /// The secrets, of which each one is tried.
    SECRETS = "secrets", Takes::Texts;
    /// The secret to sign with; for asymmetric schemes the private key.
    SECRET = "secret", Takes::Text;
    /// What the caller has found out about the request.
    FIELDS = "fields", Takes::Form("IngestFields");
    /// What a judgement or an attestation gave.
    JUDGEMENT = "judgement", Takes::Blob;
    /// The name of a provider, or one of its aliases.
    PROVIDER = "provider", Takes::Text;
    /// Its options; NULL for none.
    PROVIDER_OPTIONS = "options", Takes::Options;
    /// The worker: 1 to 255 bytes, different for each worker.
    WORKER = "worker", Takes::Text;
    /// Jobs at most, 0 to 10,000.
    LIMIT = "limit", Takes::Whole;
    /// How long the lease lasts, 1 to 86,400 seconds.
    LEASE_S = "lease_s", Takes::Whole;
    /// Which jobs.
    CLAIM_FILTER = "filter", Takes::Form("ClaimFilter");
    /// Whose next claim.
    DUE_FILTER = "filter", Takes::Form("DueFilter");
    /// The leased job.
    JOB_ID = "job_id", Takes::Whole;
    /// How long the attempt took.
    DURATION_MS = "duration_ms", Takes::Whole;
    /// What went wrong; cut at 8 KiB.
    ERROR = "error", Takes::Text;
    /// How it goes on.
    FAILED_OPTIONS = "options", Takes::Form("FailedOptions");
    /// Why; kept with the event.
    REASON = "reason", Takes::Text;
    /// The event.
    EVENT_ID = "event_id", Takes::Whole;
    /// The delivery.
    DELIVERY_ID = "delivery_id", Takes::Whole;
    /// How it is done.
    ACTION_OPTIONS = "options", Takes::Form("ActionOptions");
    /// A time of receipt in Unix milliseconds.
    TIME = "time", Takes::Whole;
    /// Which events.
    BULK_FILTER = "filter", Takes::Form("BulkFilter");
    /// Which events.
    EVENTS_FILTER = "filter", Takes::Form("PruneEventsFilter");
    /// Which deliveries.
    DELIVERIES_FILTER = "filter", Takes::Form("PruneDeliveriesFilter");
    /// How long rows are kept.
    POLICY = "policy", Takes::Form("RetentionSettings");
    /// `prometheus`, which is the default, or `openmetrics`.
    METRICS_FORMAT = "format", Takes::Text;
    /// What the receipts of this process took, as the text of a JSON object by endpoint.
    RECEIVES = "receives", Takes::Text;
}

functions! {
    /// The version as text.
    "knocker_version" [] [] => Text;
    /// Whether this connection refuses calls without `now`, set where an argument is given; 1 or 0.
    "knocker_strict" [] [ON] => Whole;
    /// The files of a pattern that appeared or were written to since this connection last asked; the first time all of them.
    "knocker_changed_files" [PATTERN] [] => Texts;
    /// Creates or migrates the schema in one transaction and returns its version.
    "knocker_bootstrap" [] [NOW] => Whole;
    /// Creates an endpoint or changes its settings, and returns its id.
    "knocker_endpoint" [NAME, CONFIG] [NOW] => Whole;
    /// Verifies, stores, dedupes and enqueues one HTTP request.
    "knocker_receive" [ENDPOINT, REQUEST, BODY, SECRETS] [NOW] => Record("Receipt");
    /// The judgement of a request, to be stored later. Writes nothing.
    "knocker_judge" [ENDPOINT, REQUEST, BODY, SECRETS] [NOW] => Blob;
    /// The judgement of a request that the caller has verified. Writes nothing.
    "knocker_attest" [ENDPOINT, FIELDS, BODY] [NOW] => Blob;
    /// Stores what a judgement says, dedupes and enqueues.
    "knocker_store" [ENDPOINT, JUDGEMENT] [NOW] => Record("Receipt");
    /// Stores a request that the caller has verified.
    "knocker_ingest" [ENDPOINT, FIELDS, BODY] [NOW] => Record("Receipt");
    /// Whether a request is what it claims to be. Stores nothing.
    "knocker_verify" [PROVIDER, PROVIDER_OPTIONS, REQUEST, BODY, SECRETS] [NOW] => Record("Verdict");
    /// What a provider would send: for tests and demos.
    "knocker_sign" [PROVIDER, PROVIDER_OPTIONS, REQUEST, BODY, SECRET] [NOW] => Record("SignedRequest");
    /// Leases due jobs to a worker, oldest first, and returns how many; `knocker_jobs` shows them.
    "knocker_claim" [WORKER, LIMIT, LEASE_S] [CLAIM_FILTER, NOW] => Whole;
    /// The event is handled: call it in the transaction of the handler's own writes.
    "knocker_handled" [JOB_ID, WORKER, DURATION_MS] [NOW] => Done;
    /// The attempt failed: another one follows, unless the options or the number of attempts say otherwise.
    "knocker_failed" [JOB_ID, WORKER, ERROR, DURATION_MS] [FAILED_OPTIONS, NOW] => Record("Failure");
    /// The handler decided to ignore the event.
    "knocker_skipped" [JOB_ID, WORKER, REASON, DURATION_MS] [NOW] => Done;
    /// Extends a lease, and returns when it runs out, in Unix milliseconds.
    "knocker_extend" [JOB_ID, WORKER, LEASE_S] [NOW] => Whole;
    /// Gives back the leases of a worker, the attempts uncounted, and returns how many.
    "knocker_release" [WORKER] [NOW] => Whole;
    /// Milliseconds until a claim has something to do; NULL where nothing waits or runs.
    "knocker_next_due" [] [DUE_FILTER, NOW] => MaybeWhole;
    /// Handles an event again: from handled, failed, dead or ignored.
    "knocker_replay" [EVENT_ID] [ACTION_OPTIONS, NOW] => Record("Transition");
    /// Puts an event back in the queue: from failed, dead or ignored.
    "knocker_requeue" [EVENT_ID] [ACTION_OPTIONS, NOW] => Record("Transition");
    /// Says that an event will not be handled: from received, failed or dead; no effect on an ignored one.
    "knocker_ignore" [EVENT_ID] [REASON, ACTION_OPTIONS, NOW] => Record("Transition");
    /// Handles the events of a delivery again, with that delivery's own body.
    "knocker_replay_delivery" [DELIVERY_ID] [ACTION_OPTIONS, NOW] => Record("ReplayedDelivery");
    /// Replays every event of the filter, oldest first, in one transaction.
    "knocker_replay_where" [BULK_FILTER] [NOW] => Record("BulkResult");
    /// Requeues every event of the filter, oldest first, in one transaction.
    "knocker_requeue_where" [BULK_FILTER] [NOW] => Record("BulkResult");
    /// Ignores every event of the filter, oldest first, in one transaction.
    "knocker_ignore_where" [BULK_FILTER] [NOW] => Record("BulkResult");
    /// Deletes ended events with their attempts and the deliveries that no other event needs, and records that it did.
    "knocker_prune_events" [EVENTS_FILTER] [NOW] => Record("PruneResult");
    /// Deletes deliveries that no event needs as its payload, and records that it did.
    "knocker_prune_deliveries" [DELIVERIES_FILTER] [NOW] => Record("PruneResult");
    /// Stores how long rows are kept, in place of the former policy of that endpoint.
    "knocker_retention" [POLICY] [NOW] => Record("RetentionPolicy");
    /// Runs the pass of the retention policies that is due, if any.
    "knocker_retain" [] [NOW] => Record("RetentionPass");
    /// The id of the first event that was received at or after a time; NULL where there is none. Needs no clock.
    "knocker_first_event_since" [TIME] [] => MaybeWhole;
    /// The id of the last event that was received before a time; NULL where there is none. Needs no clock.
    "knocker_last_event_before" [TIME] [] => MaybeWhole;
    /// Counts by endpoint and status, the age of what waits, the last hour, and the size of the file.
    "knocker_stats" [] [NOW] => Record("Stats");
    /// The metrics of the file as the text that a monitoring system reads.
    "knocker_metrics" [] [METRICS_FORMAT, RECEIVES, NOW] => Text;
}
