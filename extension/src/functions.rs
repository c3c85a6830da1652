//! The scalar functions: each reads its arguments, calls one method of the store, and returns a number or JSON.

use knocker_core::attempt::FailedOptions;
use knocker_core::ingest::IngestFields;
use knocker_core::metrics::MetricsFormat;
use knocker_core::operate::{Action, ActionOptions};
use knocker_core::providers::{self, Secrets};
use knocker_core::request::Request;
use knocker_core::retention::RetentionPolicy;
use knocker_core::signatures;
use knocker_core::{Error, Result, Store};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Value;
use serde::Serialize;
use serde_json::json;

use crate::arguments::Arguments;
use crate::changed_files;
use crate::session::Session;
use crate::strict::Strict;

type Handler = fn(&Store, &Arguments) -> Result<Value>;

/// What each function does.
const HANDLERS: &[(&str, Handler)] = &[
    ("knocker_bootstrap", |store, args| Ok(Value::Integer(store.bootstrap(args.now(0)?)?))),
    ("knocker_endpoint", |store, args| Ok(Value::Integer(store.endpoint(args.text(0)?, args.text(1)?, args.now(2)?)?))),
    ("knocker_receive", receive),
    ("knocker_judge", judge),
    ("knocker_attest", |store, args| {
        let fields = IngestFields::parse(args.text(1)?)?;
        // Nothing of it depends on the clock; the argument is there for the sake of one form.
        args.now(3)?;
        Ok(Value::Blob(store.attest(args.text(0)?, &fields, args.bytes(2)?)?))
    }),
    ("knocker_store", |store, args| to_json(&store.store(args.text(0)?, args.bytes(1)?, args.now(2)?)?)),
    ("knocker_ingest", |store, args| {
        let fields = IngestFields::parse(args.text(1)?)?;
        to_json(&store.ingest(args.text(0)?, &fields, args.bytes(2)?, args.now(3)?)?)
    }),
    ("knocker_verify", |_, args| verify(args)),
    ("knocker_sign", |_, args| sign(args)),
    ("knocker_claim", |store, args| {
        let (filter, now) = args.option_and_now(3)?;
        let filter = filter.map(|text| store.claim_filter(text)).transpose()?.unwrap_or_default();
        let leased = store.claim(args.text(0)?, args.whole(1)?, args.whole(2)?, &filter, now)?;
        Ok(Value::Integer(leased))
    }),
    ("knocker_handled", |store, args| {
        store.handled(args.whole(0)?, args.text(1)?, args.whole(2)?, args.now(3)?)?;
        Ok(Value::Integer(1))
    }),
    ("knocker_failed", failed),
    ("knocker_skipped", |store, args| {
        let (job_id, worker, reason) = (args.whole(0)?, args.text(1)?, args.text(2)?);
        store.skipped(job_id, worker, reason, args.whole(3)?, args.now(4)?)?;
        Ok(Value::Integer(1))
    }),
    ("knocker_extend", |store, args| {
        let until = store.extend(args.whole(0)?, args.text(1)?, args.whole(2)?, args.now(3)?)?;
        Ok(Value::Integer(until))
    }),
    ("knocker_release", |store, args| Ok(Value::Integer(store.release(args.text(0)?, args.now(1)?)?))),
    ("knocker_next_due", |store, args| {
        let (filter, now) = args.option_and_now(0)?;
        let filter = filter.map(|text| store.due_filter(text)).transpose()?.unwrap_or_default();
        Ok(store.next_due(&filter, now)?.map_or(Value::Null, Value::Integer))
    }),
    ("knocker_replay", |store, args| operate(store, args, Action::Replay)),
    ("knocker_requeue", |store, args| operate(store, args, Action::Requeue)),
    ("knocker_ignore", |store, args| {
        let (reason, options, now) = args.options_and_now(1)?;
        to_json(&store.operate(Action::Ignore, args.whole(0)?, reason, &operate_options(options)?, now)?)
    }),
    ("knocker_replay_delivery", |store, args| {
        let (options, now) = args.option_and_now(1)?;
        to_json(&store.replay_delivery(args.whole(0)?, &operate_options(options)?, now)?)
    }),
    ("knocker_replay_where", |store, args| operate_where(store, args, Action::Replay)),
    ("knocker_requeue_where", |store, args| operate_where(store, args, Action::Requeue)),
    ("knocker_ignore_where", |store, args| operate_where(store, args, Action::Ignore)),
    ("knocker_prune_events", |store, args| to_json(&store.prune_events(args.text(0)?, args.now(1)?)?)),
    ("knocker_prune_deliveries", |store, args| to_json(&store.prune_deliveries(args.text(0)?, args.now(1)?)?)),
    ("knocker_retention", |store, args| {
        let policy = RetentionPolicy::parse(args.text(0)?)?;
        store.retention(&policy, args.now(1)?)?;
        to_json(&policy)
    }),
    ("knocker_retain", |store, args| to_json(&store.retain(args.now(0)?)?)),
    ("knocker_first_event_since", |store, args| Ok(store.first_event_since(args.whole(0)?)?.map_or(Value::Null, Value::Integer))),
    ("knocker_last_event_before", |store, args| Ok(store.last_event_before(args.whole(0)?)?.map_or(Value::Null, Value::Integer))),
    ("knocker_stats", |store, args| to_json(&store.stats(args.now(0)?)?)),
    ("knocker_metrics", |store, args| {
        let (format, receives, now) = args.options_and_now(0)?;
        let format = format.map(MetricsFormat::parse).transpose()?.unwrap_or(MetricsFormat::Prometheus);
        Ok(Value::Text(store.metrics(format, receives, now)?))
    }),
];

/// Registers every function, once for each number of arguments that it takes.
pub(crate) fn register(conn: &Connection, session: &Session) -> rusqlite::Result<()> {
    let strict = Strict::default();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    // Without a store, which reads the file: packages ask whatever the file is.
    conn.create_scalar_function("knocker_version", 0, flags, |_| Ok(knocker_core::version()))?;
    strict.register(conn, flags)?;
    changed_files::register(conn, flags)?;
    for signature in signatures::FUNCTIONS.iter().filter(|signature| !signatures::WITHOUT_A_FILE.contains(&signature.name)) {
        let (_, handler) = *HANDLERS.iter().find(|(name, _)| *name == signature.name).expect("each function has a handler");
        let fewest = signature.required.len();
        for arguments in fewest..=fewest + signature.optional.len() {
            let (session, strict) = (session.clone(), strict.clone());
            let call = move |ctx: &Context<'_>| call(&session, ctx, &Arguments::new(ctx, signature, strict.on()), handler);
            conn.create_scalar_function(signature.name, arguments as i32, flags, call)?;
        }
    }
    Ok(())
}

fn call(session: &Session, ctx: &Context<'_>, args: &Arguments, handler: Handler) -> rusqlite::Result<Value> {
    // SAFETY: the connection does not own the handle; it lives for this call, or as long as the session, which ends before the handle.
    let connect = || unsafe { Connection::from_handle(ctx.get_connection()?.handle()) };
    match session.store(connect).map_err(Error::from)? {
        Some(store) => Ok(handler(&store, args)?),
        // A call from inside a call goes on without kept statements.
        None => Ok(handler(&Store::new(connect()?), args)?),
    }
}

fn to_json(value: &impl Serialize) -> Result<Value> {
    Ok(Value::Text(serde_json::to_string(value).expect("results are plain JSON")))
}

fn receive(store: &Store, args: &Arguments) -> Result<Value> {
    let request = Request::parse(args.text(1)?, args.bytes(2)?)?;
    let secrets = Secrets::parse(args.text(3)?)?;
    to_json(&store.receive(args.text(0)?, &request, &secrets, args.now(4)?)?)
}

fn judge(store: &Store, args: &Arguments) -> Result<Value> {
    let request = Request::parse(args.text(1)?, args.bytes(2)?)?;
    let secrets = Secrets::parse(args.text(3)?)?;
    Ok(Value::Blob(store.judge(args.text(0)?, &request, &secrets, args.now(4)?)?))
}

fn verify(args: &Arguments) -> Result<Value> {
    let provider = providers::find(args.text(0)?)?;
    let options = provider.options(args.optional_text(1)?.unwrap_or("{}"))?;
    let request = Request::parse(args.text(2)?, args.bytes(3)?)?;
    let secrets = Secrets::parse(args.text(4)?)?;
    to_json(&provider.verify(&options, &request, &secrets, args.now(5)?))
}

fn sign(args: &Arguments) -> Result<Value> {
    let provider = providers::find(args.text(0)?)?;
    let options = provider.options(args.optional_text(1)?.unwrap_or("{}"))?;
    let request = Request::parse(args.text(2)?, args.bytes(3)?)?;
    let signed = provider.sign(&options, &request, args.text(4)?, args.now(5)?)?;
    let headers: serde_json::Map<_, _> = signed.headers.into_iter().map(|(name, value)| (name, value.into())).collect();
    to_json(&json!({"headers": headers, "url": signed.url, "body": signed.body}))
}

fn failed(store: &Store, args: &Arguments) -> Result<Value> {
    let (options, now) = args.option_and_now(4)?;
    let options = options.map(FailedOptions::parse).transpose()?.unwrap_or_default();
    let (job_id, worker, error) = (args.whole(0)?, args.text(1)?, args.text(2)?);
    to_json(&store.failed(job_id, worker, error, args.whole(3)?, &options, now)?)
}

fn operate(store: &Store, args: &Arguments, action: Action) -> Result<Value> {
    let (options, now) = args.option_and_now(1)?;
    to_json(&store.operate(action, args.whole(0)?, None, &operate_options(options)?, now)?)
}

fn operate_options(options: Option<&str>) -> Result<ActionOptions> {
    Ok(options.map(ActionOptions::parse).transpose()?.unwrap_or_default())
}

fn operate_where(store: &Store, args: &Arguments, action: Action) -> Result<Value> {
    to_json(&store.operate_where(action, args.text(0)?, args.now(1)?)?)
}
