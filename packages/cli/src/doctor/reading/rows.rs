//! What the rows say. Every look is a search at one end of an index, a bounded walk or a sample, so that it costs the same at any size.

use std::collections::HashMap;

use knocker_core::Store;
use knocker_core::health::{Disagreements, LeaseHealth};
use knocker_core::stats::Stats;
use rusqlite::{Connection, OptionalExtension};

use crate::failure::Result;
use crate::publish::outage::{self, Outage};

const MINUTE: i64 = 60_000;
/// A day in milliseconds.
pub const DAY: i64 = 86_400_000;
/// How many jobs are compared with their events.
const JOBS: i64 = 10_000;
/// How many disagreements are named, and put right by one repair.
pub const DISAGREEMENTS: usize = 1000;
/// How many of the newest rows are looked at one by one.
const NEWEST: i64 = 1000;
/// How many rows a sample has.
const SAMPLE: i64 = 100;
/// A lease is given up after this: until then a worker that looks for work takes it up.
const GRACE: i64 = MINUTE;

/// What the rows say.
#[derive(Debug, Clone)]
pub struct Rows {
    pub stats: Stats,
    pub leases: LeaseHealth,
    pub disagreements: Disagreements,
    pub endpoints: Vec<Traffic>,
    pub dead: Vec<DeadReason>,
    pub growth: Option<Growth>,
    pub clock: Clock,
    pub retention: Retention,
    pub handlers: Vec<HandlerSpeed>,
    pub outages: Vec<Outage>,
}

/// What an endpoint got in the minutes that are remembered: the last sixty in which anything happened, however long ago.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    pub endpoint: String,
    pub enabled: bool,
    pub created_at: i64,
    /// Events in the file.
    pub events: i64,
    /// The last minute with a receipt.
    pub last_receipt_at: Option<i64>,
    /// Refused receipts in a row, up to now, and since which minute.
    pub refused_in_a_row: i64,
    pub refused_since: Option<i64>,
    /// Receipts of the last hour that were refused and not stored, since there were too many.
    pub only_counted: i64,
    /// The reason of the newest refused request among the newest of all endpoints.
    pub reason: Option<String>,
}

/// Dead events that ended with the same reason, of the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadReason {
    pub endpoint: String,
    pub reason: String,
    pub events: i64,
    pub newest_id: i64,
    pub newest_at: i64,
}

/// What webhooks add to the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    pub bytes_per_day: i64,
}

/// Times that do not fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock {
    /// The largest time among the newest deliveries.
    pub newest_at: Option<i64>,
    /// The largest step back from one of the newest deliveries to the next, and the one after it.
    pub step_back_ms: i64,
    pub step_back_id: Option<i64>,
}

/// What is stored about retention.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    pub policies: i64,
    /// The earliest time at which a pass is due.
    pub next_run_at: Option<i64>,
    /// The number of deliveries in the file, by their ids.
    pub deliveries: i64,
}

/// Medians of an endpoint and type's handlers, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerSpeed {
    pub endpoint: String,
    pub event_type: Option<String>,
    pub last_day: i64,
    pub week_before: i64,
}

impl Rows {
    pub fn read(store: &Store, now: i64) -> Result<Self> {
        let conn = store.conn();
        Ok(Self {
            stats: store.stats(now)?,
            leases: store.lease_health(now - GRACE, now)?,
            disagreements: store.disagreements(JOBS, DISAGREEMENTS)?,
            endpoints: traffic(conn, now)?,
            dead: dead(conn)?,
            growth: growth(conn, now)?,
            clock: clock(conn)?,
            retention: retention(conn)?,
            handlers: handlers(conn, now)?,
            outages: outage::all(conn)?,
        })
    }
}

fn traffic(conn: &Connection, now: i64) -> Result<Vec<Traffic>> {
    // The rows with a colon count attempts.
    let sql = "SELECT p.id, p.name, p.enabled, p.created_at,
                 (SELECT coalesce(sum(n), 0) FROM _knocker_counts c WHERE c.endpoint_id = p.id AND c.status NOT GLOB '*:*')
               FROM _knocker_endpoints p ORDER BY p.id";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut minutes =
        conn.prepare("SELECT minute, receipts, refused, limited FROM _knocker_minutes WHERE endpoint_id = ?1 ORDER BY minute DESC")?;
    let mut reasons = reasons(conn)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let mut traffic = Traffic {
            endpoint: row.get(1)?,
            enabled: row.get::<_, Option<bool>>(2)?.unwrap_or(true),
            created_at: row.get(3)?,
            events: row.get(4)?,
            reason: reasons.remove(&id),
            ..Traffic::default()
        };
        let mut all_refused = true;
        let mut ring = minutes.query([id])?;
        while let Some(row) = ring.next()? {
            let (minute, receipts, refused, limited): (i64, i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            if minute > now / MINUTE - 60 {
                traffic.only_counted += limited;
            }
            if receipts == 0 {
                continue;
            }
            traffic.last_receipt_at.get_or_insert(minute * MINUTE);
            all_refused &= refused >= receipts;
            if all_refused {
                traffic.refused_in_a_row += refused;
                traffic.refused_since = Some(minute * MINUTE);
            }
        }
        all.push(traffic);
    }
    Ok(all)
}

/// The reason of each endpoint's newest refused request, among the newest of all.
fn reasons(conn: &Connection) -> Result<HashMap<i64, String>> {
    let sql = "SELECT endpoint_id, coalesce(reason, '') FROM _knocker_deliveries WHERE outcome = 'invalid' ORDER BY id DESC LIMIT ?1";
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([NEWEST])?;
    let mut reasons = HashMap::new();
    while let Some(row) = rows.next()? {
        let (endpoint, reason) = (row.get(0)?, row.get(1)?);
        reasons.entry(endpoint).or_insert(reason);
    }
    Ok(reasons)
}

fn dead(conn: &Connection) -> Result<Vec<DeadReason>> {
    let sql = "SELECT coalesce(p.name, ''), coalesce(e.reason, ''), count(*), max(e.id), max(coalesce(e.ended_at, e.received_at))
               FROM (SELECT id, endpoint_id, reason, ended_at, received_at FROM _knocker_events WHERE status = 'dead' ORDER BY id DESC LIMIT ?1) e
               LEFT JOIN _knocker_endpoints p ON p.id = e.endpoint_id GROUP BY 1, 2 ORDER BY 3 DESC, 4 DESC";
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([NEWEST], |row| {
        Ok(DeadReason { endpoint: row.get(0)?, reason: row.get(1)?, events: row.get(2)?, newest_id: row.get(3)?, newest_at: row.get(4)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The smallest and the largest id of a table.
fn ends(conn: &Connection, table: &str) -> Result<Option<(i64, i64)>> {
    let sql = format!("SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})");
    Ok(conn.query_row(&sql, [], |row| Ok(Option::zip(row.get(0)?, row.get(1)?)))?)
}

/// The id from which rows are as young as `at`, by bisection: rows come in the order of time, near enough.
fn first_since(conn: &Connection, table: &str, column: &str, at: i64, (low, high): (i64, i64)) -> Result<i64> {
    let mut probe = conn.prepare(&format!("SELECT id, {column} FROM {table} WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1"))?;
    let (mut low, mut high) = (low, high);
    while low <= high {
        let middle = low + (high - low) / 2;
        match probe.query_row([middle, high], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()? {
            Some((id, found)) if found < at => low = id + 1,
            _ => high = middle - 1,
        }
    }
    Ok(low)
}

/// What the deliveries of the last week took, less those that were pruned meanwhile.
fn growth(conn: &Connection, now: i64) -> Result<Option<Growth>> {
    let Some((first, last)) = ends(conn, "_knocker_deliveries")? else { return Ok(None) };
    let since = first_since(conn, "_knocker_deliveries", "received_at", now - 7 * DAY, (first, last))?;
    let came = last - since + 1;
    let sql = "SELECT received_at, 700 + body_size * (body IS NOT NULL) + length(headers) + length(url) FROM _knocker_deliveries WHERE id >= ?1 ORDER BY id LIMIT 1";
    let mut probe = conn.prepare(sql)?;
    let at = |probe: &mut rusqlite::Statement, id: i64| {
        probe.query_row([id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()
    };
    let oldest = at(&mut probe, since)?.map_or(now, |(received_at, _)| received_at);
    let span = now - oldest;
    // Too little to say anything.
    if came < SAMPLE || span < DAY / 24 {
        return Ok(None);
    }
    let mut bytes = 0;
    for step in 0..SAMPLE {
        bytes += at(&mut probe, since + step * (came - 1) / (SAMPLE - 1))?.map_or(0, |(_, bytes)| bytes);
    }
    let sql = "SELECT coalesce(sum(deliveries), 0) FROM (SELECT deliveries, pruned_at FROM _knocker_prunes ORDER BY id DESC LIMIT ?1) WHERE pruned_at >= ?2";
    let pruned: i64 = conn.query_row(sql, [NEWEST, oldest], |row| row.get(0))?;
    let net = i128::from((came - pruned).max(0)) * i128::from(bytes / SAMPLE) * i128::from(DAY) / i128::from(span);
    Ok(Some(Growth { bytes_per_day: net as i64 }))
}

fn clock(conn: &Connection) -> Result<Clock> {
    let mut statement = conn.prepare("SELECT id, received_at FROM _knocker_deliveries ORDER BY id DESC LIMIT ?1")?;
    let mut rows = statement.query([NEWEST])?;
    let mut clock = Clock::default();
    let mut later: Option<(i64, i64)> = None;
    while let Some(row) = rows.next()? {
        let (id, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        clock.newest_at = clock.newest_at.max(Some(at));
        if let Some((later_id, later_at)) = later
            && at - later_at > clock.step_back_ms
        {
            clock.step_back_ms = at - later_at;
            clock.step_back_id = Some(later_id);
        }
        later = Some((id, at));
    }
    Ok(clock)
}

fn retention(conn: &Connection) -> Result<Retention> {
    let (policies, next_run_at) =
        conn.query_row("SELECT count(*), min(next_run_at) FROM _knocker_policies", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let deliveries = ends(conn, "_knocker_deliveries")?.map_or(0, |(first, last)| last - first + 1);
    Ok(Retention { policies, next_run_at, deliveries })
}

/// Durations by endpoint and type.
type Durations = HashMap<(String, Option<String>), Vec<i64>>;

fn handlers(conn: &Connection, now: i64) -> Result<Vec<HandlerSpeed>> {
    let Some((first, last)) = ends(conn, "_knocker_attempts")? else { return Ok(Vec::new()) };
    let yesterday = first_since(conn, "_knocker_attempts", "finished_at", now - DAY, (first, last))?;
    let week = first_since(conn, "_knocker_attempts", "finished_at", now - 8 * DAY, (first, yesterday - 1))?;
    let mut recent = durations(conn, yesterday, last)?;
    let mut before = durations(conn, week, yesterday - 1)?;
    let mut speeds = Vec::new();
    for (handler, times) in &mut recent {
        // Of fewer a median says little.
        if let Some(earlier) = before.get_mut(handler).filter(|earlier| earlier.len() >= 20 && times.len() >= 20) {
            let (endpoint, event_type) = handler.clone();
            speeds.push(HandlerSpeed { endpoint, event_type, last_day: median(times), week_before: median(earlier) });
        }
    }
    speeds.sort_by(|one, other| (&one.endpoint, &one.event_type).cmp(&(&other.endpoint, &other.event_type)));
    Ok(speeds)
}

/// A sample of the handled attempts with these ids: ten stretches of a hundred, evenly spread.
fn durations(conn: &Connection, first: i64, last: i64) -> Result<Durations> {
    let sql = "SELECT p.name, e.type, a.duration_ms
               FROM (SELECT event_id, result, duration_ms FROM _knocker_attempts WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 100) a
               JOIN _knocker_events e ON e.id = a.event_id JOIN _knocker_endpoints p ON p.id = e.endpoint_id
               WHERE a.result = 'handled' AND a.duration_ms IS NOT NULL";
    let mut statement = conn.prepare(sql)?;
    let mut found = Durations::new();
    let stretch = ((last - first + 1) / 10).max(100);
    let mut from = first;
    while from <= last {
        let mut rows = statement.query([from, last.min(from + stretch - 1)])?;
        while let Some(row) = rows.next()? {
            found.entry((row.get(0)?, row.get(1)?)).or_default().push(row.get(2)?);
        }
        from += stretch;
    }
    Ok(found)
}

fn median(times: &mut [i64]) -> i64 {
    times.sort_unstable();
    times[times.len() / 2]
}
