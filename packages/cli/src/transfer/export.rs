//! `knocker export`.

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, Write};

use knocker_core::Store;
use knocker_core::conditions::Conditions;
use rusqlite::{CachedStatement, Row};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::line::{Event, FORMAT, Line, encoded};
use crate::context::Context;
use crate::deliveries::Which;
use crate::failure::Result;
use crate::printable::{self, count, size};
use crate::progress::{Progress, Unit};

/// Ids of one step: a read transaction as short as that keeps no write-ahead log from shrinking.
const STEP: i64 = 1000;
/// Headers that say how a body is written, and of what program it is: kept also where the others are redacted.
const TELLING: [&str; 5] = ["content-encoding", "content-length", "content-type", "user-agent", "accept"];

/// Which deliveries.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Only deliveries after this id: where an export that was interrupted goes on
    #[arg(long, value_name = "ID", default_value_t = 0)]
    after: i64,

    /// At most this many, oldest first
    #[arg(long, short = 'n', value_parser = clap::value_parser!(i64).range(1..))]
    limit: Option<i64>,

    /// With bodies, header values, the query of URLs and the reasons of events: what `import` needs
    ///
    /// Credentials are redacted all the same, as they are never stored.
    #[arg(long)]
    unredacted: bool,

    /// Only tell how many lines and bytes it would be
    #[arg(long)]
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let store = context.reader()?;
    let mut conditions = args.which.conditions(&store)?;
    if !args.which.outcome.is_empty() {
        conditions.add_one_of("outcome", &args.which.outcome);
    }
    let export = Export { store: &store, conditions, unredacted: args.unredacted, readable: context.out.is_terminal() };
    if args.dry_run {
        let mut counted = Counted::default();
        let lines = export.write(args, false, &mut counted)?;
        if context.out.json() {
            return context.out.document(&serde_json::json!({"lines": lines, "bytes": counted.0, "dry_run": true}));
        }
        return context.out.line(format_args!("dry run: {}, {} of JSON lines", count(lines, "delivery"), size(counted.0)));
    }
    let stdout = io::stdout();
    // The lines and the progress on one terminal would be in each other's way.
    let shows = !stdout.is_terminal();
    let mut out = BufWriter::with_capacity(1 << 16, stdout.lock());
    export.write(args, shows, &mut out)?;
    Ok(out.flush()?)
}

struct Export<'a> {
    store: &'a Store,
    conditions: Conditions,
    unredacted: bool,
    /// Whether the lines come on a terminal, where no control character may.
    readable: bool,
}

impl Export<'_> {
    /// Writes the lines, and returns how many.
    fn write(&self, args: &Args, shows: bool, out: &mut impl Write) -> Result<i64> {
        let conn = self.store.conn();
        let (first, last): (i64, i64) = conn.query_row(
            "SELECT coalesce((SELECT min(id) FROM knocker_deliveries), 1), coalesce((SELECT max(id) FROM knocker_deliveries), 0)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let mut after = args.after.max(first - 1);
        let progress = shows.then(|| Progress::start("exporting", Unit::Items("delivery"), Some((last - after).max(0) as u64)));
        let values = self.conditions.values();
        let sql = format!(
            "SELECT id, endpoint, outcome, reason, detail, provider_event_id, provider_delivery_id, method, url, headers, received_at, body_size,
               body_sha256, body
             FROM knocker_deliveries WHERE {} AND id > ?{} AND id <= ?{} ORDER BY id",
            self.conditions.to_sql(),
            values.len() + 1,
            values.len() + 2
        );
        let mut deliveries = conn.prepare(&sql)?;
        let mut events = conn.prepare_cached(
            "SELECT e.id, e.type, e.key, e.status, e.attempts, e.reason, e.ended_at
             FROM knocker_event_deliveries x JOIN knocker_events e ON e.id = x.event_id WHERE x.delivery_id = ?1 ORDER BY e.id",
        )?;
        let mut lines = 0;
        while after < last {
            let until = (after + STEP).min(last);
            let bounds = [after.into(), until.into()];
            let mut rows = deliveries.query(rusqlite::params_from_iter(values.iter().cloned().chain(bounds)))?;
            while let Some(row) = rows.next()? {
                self.line(row, &mut events, out)?;
                lines += 1;
                if Some(lines) == args.limit {
                    return Ok(lines);
                }
            }
            if let Some(progress) = &progress {
                progress.advance((until - after) as u64);
                out.flush()?;
                progress.checkpoint(format!("The lines that were written are whole: go on with --after {until}."))?;
            }
            after = until;
        }
        Ok(lines)
    }

    fn line(&self, row: &Row, events: &mut CachedStatement, out: &mut impl Write) -> Result {
        let text = |index: usize| -> Result<Option<Cow<str>>> {
            Ok(row.get_ref(index)?.as_bytes_or_null().map_err(rusqlite::Error::from)?.map(String::from_utf8_lossy))
        };
        let required = |index: usize| -> Result<Cow<str>> { Ok(text(index)?.unwrap_or_default()) };
        let id: i64 = row.get(0)?;
        let body = row.get_ref(13)?.as_bytes_or_null().map_err(rusqlite::Error::from)?.filter(|_| self.unredacted);
        let url = required(8)?;
        let headers = required(9)?;
        let mut events = events.query([id])?;
        let mut event_list = Vec::new();
        while let Some(event) = events.next()? {
            event_list.push(Event {
                id: event.get(0)?,
                event_type: event.get::<_, Option<String>>(1)?.map(Cow::Owned),
                key: event.get::<_, Option<String>>(2)?.map(Cow::Owned),
                status: event.get(3)?,
                attempts: event.get(4)?,
                reason: event.get::<_, Option<String>>(5)?.filter(|_| self.unredacted).map(Cow::Owned),
                ended_at: event.get(6)?,
                body: None,
                body_base64: None,
            });
        }
        let parts = if self.unredacted && event_list.len() > 1 { self.parts(&event_list)? } else { Vec::new() };
        for (event, part) in event_list.iter_mut().zip(&parts) {
            (event.body, event.body_base64) = part.as_deref().map(encoded).unwrap_or_default();
        }
        let (body, body_base64) = body.map(encoded).unwrap_or_default();
        let line = Line {
            export: FORMAT,
            redacted: !self.unredacted,
            id,
            endpoint: required(1)?,
            outcome: required(2)?,
            reason: text(3)?,
            detail: text(4)?,
            provider_event_id: text(5)?,
            provider_delivery_id: text(6)?,
            method: required(7)?,
            url: if self.unredacted { url } else { without_query(&url) },
            headers: self.headers(&headers)?,
            received_at: row.get(10)?,
            body_size: row.get(11)?,
            body_sha256: text(12)?,
            body,
            body_base64,
            event_list,
        };
        if self.readable {
            let line = serde_json::to_string(&line).map_err(io::Error::from)?;
            out.write_all(printable::json(line).as_bytes())?;
        } else {
            serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
        }
        Ok(out.write_all(b"\n")?)
    }

    /// The bodies of a batch's events, each its own part.
    fn parts(&self, events: &[Event]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut statement = self.store.conn().prepare_cached("SELECT body FROM knocker_events WHERE id = ?1")?;
        let bodies = events.iter().map(|event| statement.query_row([event.id], |row| row.get(0)));
        Ok(bodies.collect::<rusqlite::Result<_>>()?)
    }

    /// The stored headers, or their names where the values are not to be told.
    fn headers<'h>(&self, stored: &'h str) -> Result<Cow<'h, RawValue>> {
        if self.unredacted {
            return Ok(match serde_json::from_str::<&RawValue>(stored) {
                Ok(raw) => Cow::Borrowed(raw),
                Err(_) => Cow::Owned(RawValue::NULL.to_owned()),
            });
        }
        let mut headers: Map<String, Value> = serde_json::from_str(stored).unwrap_or_default();
        for (_, value) in headers.iter_mut().filter(|(name, _)| !TELLING.contains(&name.as_str())) {
            *value = "[redacted]".into();
        }
        Ok(Cow::Owned(serde_json::value::to_raw_value(&headers).map_err(io::Error::from)?))
    }
}

fn without_query(url: &str) -> Cow<'static, str> {
    match url.split_once('?') {
        Some((path, _)) => format!("{path}?[redacted]").into(),
        None => url.to_owned().into(),
    }
}

/// Counts what would be written.
#[derive(Default)]
struct Counted(i64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as i64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
