//! The views: their rows as structs, since SQL has no place for what a column means. A test compares them with the file.

use knocker_core::backoff::Backoff;
use knocker_core::contract::{AttemptResult, DeliveryOutcome, EventStatus, OnRedelivery, PruneKind, Reason, Unhandled};
use knocker_core::retention::RetentionPolicy;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

use crate::records::Record;
use crate::types::{Bytes, Headers, Object};

/// A view, or a table that is a function.
#[derive(Serialize)]
pub struct View {
    pub name: &'static str,
    /// What its rows are.
    record: &'static str,
    pub columns: Vec<Column>,
}

/// A column as SQL has it.
#[derive(Serialize)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub nullable: bool,
}

/// View and record.
const VIEWS: &[(&str, &str)] = &[
    ("knocker_events", "EventRecord"),
    ("knocker_deliveries", "DeliveryRecord"),
    ("knocker_event_deliveries", "EventDeliveryRecord"),
    ("knocker_attempts", "AttemptRecord"),
    ("knocker_endpoints", "EndpointRecord"),
    ("knocker_policies", "PolicyRecord"),
    ("knocker_prunes", "PruneRecord"),
    ("knocker_jobs", "Job"),
];

/// An event: what the business logic handles once.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct EventRecord {
    /// Grows, and is never used again.
    id: i64,
    /// The name of its endpoint.
    endpoint: String,
    /// The type in the provider's own spelling.
    r#type: Option<String>,
    /// The identity that dedupe uses; null where the event is always new.
    key: Option<String>,
    /// Where it stands.
    status: EventStatus,
    /// Attempts that count, since it was received or put back.
    attempts: i64,
    /// Attempts before it is dead.
    max_attempts: i64,
    /// Why it is failed, dead or ignored.
    reason: Option<String>,
    /// The delivery whose body it has.
    delivery_id: i64,
    /// How often it was delivered.
    deliveries: i64,
    /// When its first delivery came.
    received_at: i64,
    /// When its last one came.
    last_delivery_at: i64,
    /// When the next attempt is due; null where none waits.
    next_attempt_at: Option<i64>,
    /// When it was handled or ignored, or died.
    ended_at: Option<i64>,
    /// Its payload: the whole body, or its own item of a batch.
    body: Option<Bytes>,
}

/// One HTTP receipt, valid or not.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct DeliveryRecord {
    /// Grows, and is never used again.
    id: i64,
    /// The name of its endpoint.
    endpoint: String,
    /// What became of it.
    outcome: DeliveryOutcome,
    /// The first of its events that still exists.
    event_id: Option<i64>,
    /// Why it was refused.
    reason: Option<Reason>,
    /// The same in one sentence.
    detail: Option<String>,
    /// The provider's id of the occurrence, where the caller of trusted ingress said it.
    provider_event_id: Option<String>,
    /// The provider's id of the delivery, where the caller of trusted ingress said it.
    provider_delivery_id: Option<String>,
    /// The method, in capitals as sent.
    method: String,
    /// The URL, credentials replaced.
    url: String,
    /// The headers, credentials replaced.
    headers: Headers,
    /// The size of the body.
    body_size: i64,
    /// The digest of a body that is not stored.
    body_sha256: Option<String>,
    /// When it came.
    received_at: i64,
    /// The raw bytes, where they are kept.
    body: Option<Bytes>,
}

/// That a delivery brought an event.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct EventDeliveryRecord {
    /// The event.
    event_id: i64,
    /// The delivery.
    delivery_id: i64,
    /// False for the delivery that created the event, true for a repeat.
    duplicate: bool,
}

/// One attempt at an event.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct AttemptRecord {
    /// Grows, and is never used again.
    id: i64,
    /// The event.
    event_id: i64,
    /// The name of its endpoint.
    endpoint: String,
    /// The delivery whose body the handlers got.
    delivery_id: i64,
    /// Its number, from 1.
    attempt: i64,
    /// How it ended.
    result: AttemptResult,
    /// What went wrong, or why the event was ignored.
    error: Option<String>,
    /// The name of the worker.
    worker: String,
    /// How long it took; null where the worker did not say.
    duration_ms: Option<i64>,
    /// When it ended.
    finished_at: i64,
}

/// The stored settings of an endpoint.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct EndpointRecord {
    /// Its id.
    id: i64,
    /// Its name.
    name: String,
    /// The name of its provider; null where it takes trusted ingress only.
    provider: Option<String>,
    /// Options of the provider.
    options: Object,
    /// Whether receipts are taken.
    enabled: bool,
    /// Attempts before an event is dead.
    max_attempts: i64,
    /// The delay between attempts.
    backoff: Backoff,
    /// Larger bodies are refused before verification.
    max_body_bytes: i64,
    /// What becomes of an event that no handler wants.
    unhandled: Unhandled,
    /// What a duplicate does to its event.
    on_redelivery: OnRedelivery,
    /// Refused receipts that are stored in any hour.
    invalid_per_hour: i64,
    /// Refused deliveries that are kept in all.
    max_refused: i64,
    /// Bytes that they take at most.
    max_refused_bytes: i64,
    /// Events that one delivery creates at most.
    max_batch_events: i64,
    /// When it was created.
    created_at: i64,
    /// When its settings were changed last.
    updated_at: i64,
}

/// A stored retention policy.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct PolicyRecord {
    /// The id of the endpoint, 0 for the policy of every other one.
    id: i64,
    /// The name of the endpoint; null for the policy of every endpoint without its own.
    endpoint: Option<String>,
    /// What it says.
    policy: RetentionPolicy,
    /// When its next pass is due.
    next_run_at: i64,
}

/// The record of one prune: what was asked for, and how many rows it deleted.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct PruneRecord {
    /// Its id.
    id: i64,
    /// What was pruned.
    kind: PruneKind,
    /// What was asked for.
    filter: Object,
    /// Events that went.
    events: i64,
    /// Deliveries that went.
    deliveries: i64,
    /// Attempts that went.
    attempts: i64,
    /// Records of earlier prunes that went.
    audits: i64,
    /// When.
    pruned_at: i64,
}

/// A leased job with everything that a handler needs.
#[derive(JsonSchema)]
#[allow(dead_code)]
struct Job {
    /// Its id.
    job_id: i64,
    /// The name of the worker that has it.
    worker: String,
    /// The event.
    event_id: i64,
    /// The delivery whose body the handlers get.
    delivery_id: i64,
    /// The name of the endpoint.
    endpoint: String,
    /// The type in the provider's own spelling.
    r#type: Option<String>,
    /// The identity that dedupe uses; null where the event is always new.
    key: Option<String>,
    /// The number of this attempt, from 1.
    attempt: i64,
    /// Attempts before the event is dead.
    max_attempts: i64,
    /// When the lease runs out.
    lease_expires_at: i64,
    /// When the event's first delivery came.
    received_at: i64,
    /// The method of the delivery.
    method: String,
    /// Its URL.
    url: String,
    /// Its headers.
    headers: Headers,
    /// The whole body, or the event's own item of a batch.
    body: Option<Bytes>,
}

/// Adds the rows of every view.
pub fn add_schemas(generator: &mut SchemaGenerator) {
    generator.subschema_for::<EventRecord>();
    generator.subschema_for::<DeliveryRecord>();
    generator.subschema_for::<EventDeliveryRecord>();
    generator.subschema_for::<AttemptRecord>();
    generator.subschema_for::<EndpointRecord>();
    generator.subschema_for::<PolicyRecord>();
    generator.subschema_for::<PruneRecord>();
    generator.subschema_for::<Job>();
}

/// The views with their columns.
pub fn views(records: &[Record]) -> Vec<View> {
    let view = |&(name, record): &(&'static str, &'static str)| {
        let fields = &records.iter().find(|known| known.name == record).expect("each view has a record").fields;
        let column =
            |field: &crate::records::Field| Column { name: field.name.clone(), kind: sql_type(&field.holds), nullable: field.nullable };
        View { name, record, columns: fields.iter().map(column).collect() }
    };
    VIEWS.iter().map(view).collect()
}

/// Flags and times are numbers; words, and everything that is JSON, are texts.
fn sql_type(holds: &str) -> &'static str {
    match holds {
        "integer" | "time" | "boolean" => "INTEGER",
        "number" => "REAL",
        "bytes" => "BLOB",
        _ => "TEXT",
    }
}
