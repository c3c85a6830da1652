//! `knocker import`.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use knocker_core::Store;
use knocker_core::import::{End, Imported, Taken};
use knocker_core::ingest::IngestFields;
use knocker_core::lifecycle::EventStatus;
use knocker_core::request::Headers;
use knocker_core::settings::EndpointSettings;
use serde::Serialize;

use super::line::{Event, FORMAT, Line, decoded};
use super::lines::Lines;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::printable::{count, shortened};
use crate::progress::{BUDGET, Progress, Unit, rest_after};

/// Lines that are read before a transaction, and their bytes at most.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 4 << 20;

#[derive(clap::Args)]
pub struct Args {
    /// The lines of `knocker export --unredacted`; - for standard input
    file: PathBuf,

    /// Run the handlers also for events that were handled, dead or ignored there
    #[arg(long)]
    handle_again: bool,

    /// Check the lines, tell what would happen and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What was done.
#[derive(Debug, Default, Serialize)]
struct Done {
    lines: i64,
    events: i64,
    duplicates: i64,
    /// Those that were here.
    known: i64,
    /// Deliveries without an event: refused ones, and handshakes.
    passed_over: i64,
    dry_run: bool,
}

pub fn run(context: &Context, args: &Args) -> Result {
    let store = if args.dry_run { context.reader()? } else { context.store()? };
    let mut file = open(&args.file)?;
    // Everything is looked at before anything is written: a damaged file changes nothing.
    check(&store, &mut file)?;
    file.seek(SeekFrom::Start(0)).map_err(|error| Failure::unreadable("the lines", &error))?;
    let done = if args.dry_run { rehearse(&store, &mut file, args)? } else { import(&store, &mut file, args, context.now)? };
    if context.out.json() {
        return context.out.document(&done);
    }
    let would = if args.dry_run { "dry run: would be " } else { "" };
    context.out.line(format_args!("{would}imported: {}, {}", count(done.events, "event"), count(done.duplicates, "duplicate")))?;
    if done.known > 0 {
        context.out.line(format_args!("here already: {}", count(done.known, "delivery")))?;
    }
    if done.passed_over > 0 {
        context.out.line(format_args!("passed over: {} without an event", count(done.passed_over, "delivery")))?;
    }
    Ok(())
}

/// The file; what comes on standard input is kept in a file without a name first, as it is read twice.
fn open(path: &Path) -> Result<File> {
    let unreadable = |error: io::Error| Failure::unreadable(&path.display().to_string(), &error);
    if path.as_os_str() != "-" {
        return File::open(path).map_err(unreadable);
    }
    let mut spooled = tempfile::tempfile().map_err(unreadable)?;
    io::copy(&mut io::stdin().lock(), &mut spooled).and_then(|_| spooled.seek(SeekFrom::Start(0))).map_err(unreadable)?;
    Ok(spooled)
}

/// What is wrong may repeat what stands there, which is whatever somebody sent.
fn damaged(number: usize, what: impl std::fmt::Display) -> Failure {
    let hint = "Nothing was imported. Take a whole export, made with --unredacted; a line that was cut at the end can be deleted.";
    Failure::new(Exit::Failed, format!("line {number} is damaged: {}", shortened(&what.to_string(), 300)), hint)
}

fn parse(number: usize, line: &[u8]) -> Result<Line<'_>> {
    let line: Line = serde_json::from_slice(line).map_err(|error| damaged(number, error))?;
    if line.export != FORMAT {
        return Err(damaged(number, format_args!("its form is {}, this command knows {FORMAT}", line.export)));
    }
    Ok(line)
}

/// Refuses a file with a line that cannot be imported.
fn check(store: &Store, file: &mut File) -> Result {
    let mut endpoints: HashMap<String, EndpointSettings> = HashMap::new();
    let mut lines = Lines::of(file);
    while let Some((number, bytes)) = lines.next()? {
        let line = parse(number, &bytes)?;
        if line.event_list.is_empty() {
            continue;
        }
        if line.redacted {
            let hint = "Export again with --unredacted; credentials stay redacted, as they are never stored.";
            return Err(Failure::new(
                Exit::Failed,
                format!("line {number} is redacted: an event without its body cannot be handled"),
                hint,
            ));
        }
        if !endpoints.contains_key(&*line.endpoint) {
            endpoints.insert(line.endpoint.to_string(), store.find_endpoint(&line.endpoint)?.config.clone());
        }
        let settings = &endpoints[&*line.endpoint];
        if !settings.enabled {
            let hint = "`knocker endpoint enable` it first.";
            return Err(Failure::new(Exit::Failed, format!("line {number}: endpoint {} is disabled", line.endpoint), hint));
        }
        for event in requests(number, &line)? {
            if event.body.len() as i64 > settings.max_body_bytes {
                let hint = "Raise it: `knocker endpoint add NAME --max-body-bytes N`.";
                let message =
                    format!("line {number}: the body has {} bytes, {} takes {}", event.body.len(), line.endpoint, settings.max_body_bytes);
                return Err(Failure::new(Exit::Failed, message, hint));
            }
        }
    }
    Ok(())
}

/// What a line says of one event.
struct Request<'l> {
    fields: IngestFields,
    body: Vec<u8>,
    event: &'l Event<'l>,
}

/// A delivery with one event for each of its events: the parts of a batch come apart.
fn requests<'l>(number: usize, line: &'l Line) -> Result<Vec<Request<'l>>> {
    let wrong = |what: String| damaged(number, what);
    let headers: Option<Headers> =
        serde_json::from_str(line.headers.get()).map_err(|error| damaged(number, format_args!("headers: {error}")))?;
    let whole = decoded(line.body.as_deref(), line.body_base64.as_deref()).map_err(wrong)?;
    let is_batch = line.event_list.len() > 1;
    let mut requests = Vec::with_capacity(line.event_list.len());
    for event in &line.event_list {
        let own = decoded(event.body.as_deref(), event.body_base64.as_deref()).map_err(wrong)?;
        let body = own.or_else(|| whole.clone().filter(|_| !is_batch)).ok_or_else(|| wrong(format!("event {} has no body", event.id)))?;
        let text = |text: &Option<std::borrow::Cow<str>>| text.as_deref().map(str::to_owned);
        let fields = IngestFields {
            valid: true,
            event_type: text(&event.event_type),
            key: text(&event.key),
            provider_event_id: text(&line.provider_event_id),
            provider_delivery_id: text(&line.provider_delivery_id),
            method: line.method.to_string(),
            url: line.url.to_string(),
            headers: headers.clone().unwrap_or_default(),
            ..IngestFields::default()
        };
        requests.push(Request { fields, body: body.into_owned(), event });
    }
    Ok(requests)
}

/// What the core is to take over.
fn imported<'l>(line: &'l Line, request: &'l Request, handle_again: bool) -> Imported<'l> {
    let event = request.event;
    let has_ended = matches!(event.status, EventStatus::Handled | EventStatus::Dead | EventStatus::Ignored);
    let end = (has_ended && !handle_again).then(|| End {
        status: event.status,
        reason: event.reason.as_deref(),
        attempts: event.attempts,
        at: event.ended_at.unwrap_or(line.received_at),
    });
    Imported {
        endpoint: &line.endpoint,
        fields: request.fields.clone(),
        body: &request.body,
        delivery_id: line.id,
        received_at: line.received_at,
        end,
    }
}

impl Done {
    fn count(&mut self, taken: Taken) {
        match taken {
            Taken::Event => self.events += 1,
            Taken::Duplicate => self.duplicates += 1,
            Taken::Known => self.known += 1,
        }
    }
}

/// What would be done, as far as reading tells.
fn rehearse(store: &Store, file: &mut File, args: &Args) -> Result<Done> {
    let mut done = Done { dry_run: true, ..Done::default() };
    let mut met = HashSet::new();
    let mut lines = Lines::of(file);
    while let Some((number, bytes)) = lines.next()? {
        let line = parse(number, &bytes)?;
        done.lines += 1;
        done.passed_over += i64::from(line.event_list.is_empty());
        for request in requests(number, &line)? {
            let taken = store.rehearse_import(&imported(&line, &request, args.handle_again))?;
            // A repeat of what this very file brings.
            let is_repeat = request.event.key.as_ref().is_some_and(|key| !met.insert((line.endpoint.to_string(), key.to_string())));
            done.count(if taken == Taken::Event && is_repeat { Taken::Duplicate } else { taken });
        }
    }
    Ok(done)
}

/// Imports line by line, in transactions of a few milliseconds.
fn import(store: &Store, file: &mut File, args: &Args, now: i64) -> Result<Done> {
    let mut done = Done::default();
    let total = file.metadata().map_or(0, |metadata| metadata.len());
    let progress = Progress::start("importing", Unit::Bytes, Some(total));
    let mut lines = Lines::of(file);
    loop {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Some((number, line)) = lines.next()? else { break };
            bytes += line.len();
            batch.push((number, line));
        }
        if batch.is_empty() {
            return Ok(done);
        }
        let mut ready = Vec::with_capacity(batch.len());
        for (number, bytes) in &batch {
            let line = parse(*number, bytes)?;
            ready.push((*number, line));
        }
        let mut work = Vec::with_capacity(ready.len());
        for (number, line) in &ready {
            done.lines += 1;
            done.passed_over += i64::from(line.event_list.is_empty());
            work.extend(requests(*number, line)?.into_iter().map(|request| (*number, line, request)));
        }
        let mut rest = work.as_slice();
        while !rest.is_empty() {
            let mut taken = Vec::new();
            let begun = Instant::now();
            store.atomic(|| {
                let started = Instant::now();
                for (_, line, request) in rest {
                    taken.push(store.import(&imported(line, request, args.handle_again), now)?);
                    if started.elapsed() >= BUDGET {
                        break;
                    }
                }
                Ok(())
            })?;
            rest = &rest[taken.len()..];
            taken.into_iter().for_each(|taken| done.count(taken));
            // Other writers have half of the time, on a slow disk too.
            rest_after(begun);
        }
        progress.advance(bytes as u64);
        progress.checkpoint("Run the same command again: what is here already is passed over.")?;
    }
}
