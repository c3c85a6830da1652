//! What holds in every file between two transactions, whatever happened before.

use crate::database::Database;

/// The live jobs of Knocker's queues by event; each rule joins it once.
const JOBS: &str = "WITH jobs AS MATERIALIZED (
  SELECT id, state, CAST(payload ->> '$.event_id' AS INTEGER) AS event_id FROM _honker_live WHERE queue GLOB 'knocker:*'
)";

/// Each query finds the rows that break a rule.
const RULES: &[(&str, &str)] = &[
    (
        "an event that waits, works or will be retried has exactly one live job",
        "SELECT e.id, count(j.id) AS jobs FROM knocker_events e LEFT JOIN jobs j ON j.event_id = e.id
         WHERE e.status IN ('received', 'processing', 'failed')
         GROUP BY e.id HAVING count(j.id) <> 1",
    ),
    (
        "an ended event has no live job",
        "SELECT e.id FROM jobs j JOIN knocker_events e ON e.id = j.event_id WHERE e.status IN ('handled', 'dead', 'ignored')",
    ),
    ("a live job belongs to an event", "SELECT j.id FROM jobs j WHERE NOT EXISTS (SELECT 1 FROM knocker_events e WHERE e.id = j.event_id)"),
    (
        "a leased job and a processing event are the same thing",
        "SELECT j.id FROM jobs j JOIN knocker_events e ON e.id = j.event_id WHERE (j.state = 'processing') <> (e.status = 'processing')",
    ),
    ("a job has had no more attempts than it may", "SELECT id FROM _honker_live WHERE queue GLOB 'knocker:*' AND attempts > max_attempts"),
    (
        "an event has ended if and only if it says when",
        "SELECT id FROM knocker_events WHERE (status IN ('handled', 'dead', 'ignored')) <> (ended_at IS NOT NULL)",
    ),
    (
        "an event's payload is a stored delivery of its endpoint",
        "SELECT e.id FROM knocker_events e
         LEFT JOIN knocker_deliveries d ON d.id = e.delivery_id
         WHERE d.id IS NULL OR d.endpoint <> e.endpoint",
    ),
    (
        "an accepted delivery has its event, and a refused one has none",
        "SELECT d.id FROM knocker_deliveries d
         WHERE (d.outcome IN ('invalid', 'handshake', 'too_large', 'disabled') AND d.event_id IS NOT NULL)
            OR (d.outcome = 'duplicate' AND d.event_id IS NULL)
            OR (d.event_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM knocker_events e WHERE e.id = d.event_id))",
    ),
    (
        "an event has its payload, and counts the deliveries that are stored; a repeat may have been pruned",
        "SELECT e.id, e.deliveries FROM knocker_events e
         LEFT JOIN knocker_event_deliveries l ON l.event_id = e.id
         LEFT JOIN knocker_deliveries d ON d.id = l.delivery_id
         GROUP BY e.id
         HAVING count(d.id) > e.deliveries OR sum(l.duplicate = 0) <> 1 OR max(iif(l.duplicate = 0, l.delivery_id, NULL)) <> e.delivery_id",
    ),
    (
        "an attempt belongs to an event",
        "SELECT a.id FROM knocker_attempts a WHERE NOT EXISTS (SELECT 1 FROM knocker_events e WHERE e.id = a.event_id)",
    ),
    (
        "each attempt is told, and told of its event",
        "SELECT a.id FROM _knocker_attempts a WHERE 1 <> (SELECT count(*) FROM knocker_attempts v WHERE v.event_id = a.event_id AND v.id = a.id)",
    ),
];

/// Checks the rules, the file itself, and that the counts of `knocker_stats` are those of the rows.
///
/// # Errors
/// The first rule that is broken, with the ids of the rows.
pub fn check(database: &Database) -> Result<(), String> {
    for (rule, sql) in RULES {
        let broken = database.rows(&format!("{JOBS} {sql} LIMIT 20"), &[]).map_err(|failure| format!("{rule}: {failure}"))?;
        if !broken.is_empty() {
            return Err(format!("broken: {rule}: {broken:?}"));
        }
    }
    let integrity = database.rows("PRAGMA integrity_check", &[]).map_err(|failure| failure.text)?;
    if integrity.len() != 1 || integrity[0]["integrity_check"] != "ok" {
        return Err(format!("integrity_check: {integrity:?}"));
    }
    check_counts(database)
}

fn check_counts(database: &Database) -> Result<(), String> {
    let stats = database.call_json("knocker_stats", &[]).map_err(|failure| failure.text)?;
    for (status, counted) in stats["events"].as_object().ok_or("knocker_stats has no events")? {
        let stored = database.number(&format!("SELECT count(*) FROM knocker_events WHERE status = '{status}'"));
        if counted.as_i64() != Some(stored) {
            return Err(format!("knocker_stats counts {counted} {status} events, the view has {stored}"));
        }
    }
    Ok(())
}
