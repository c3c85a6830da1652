//! The scalar functions: each reads its arguments, calls one method of the store, and returns a number or JSON.

use knocker_core::attempt::FailOptions;
use knocker_core::claim::{ClaimFilter, DueFilter};
use knocker_core::ingest::Fields;
use knocker_core::operate::{Action, OperateOptions};
use knocker_core::providers::{self, Secrets};
use knocker_core::request::Request;
use knocker_core::retention::Policy;
use knocker_core::{Error, Result, Store};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Value;
use serde::Serialize;
use serde_json::json;

use crate::arguments::Arguments;
use crate::session::Session;

type Handler = fn(&Store, &Arguments) -> Result<Value>;

/// Name, fewest and most arguments, handler.
const FUNCTIONS: &[(&str, usize, usize, Handler)] = &[
    ("knocker_version", 0, 0, |_, _| Ok(Value::Text(knocker_core::VERSION.into()))),
    ("knocker_bootstrap", 0, 1, |store, args| Ok(Value::Integer(store.bootstrap(args.now(0)?)?))),
    ("knocker_endpoint", 2, 3, |store, args| {
        Ok(Value::Integer(store.endpoint(args.text(0, "name")?, args.text(1, "config")?, args.now(2)?)?))
    }),
    ("knocker_receive", 4, 5, receive),
    ("knocker_judge", 4, 5, judge),
    ("knocker_attest", 3, 4, |store, args| {
        let fields = Fields::parse(args.text(1, "fields")?)?;
        // Nothing of it depends on the clock; the argument is there for the sake of one form.
        args.now(3)?;
        Ok(Value::Blob(store.attest(args.text(0, "endpoint")?, &fields, args.bytes(2, "body")?)?))
    }),
    ("knocker_store", 2, 3, |store, args| to_json(&store.store(args.text(0, "endpoint")?, args.bytes(1, "judgement")?, args.now(2)?)?)),
    ("knocker_ingest", 3, 4, |store, args| {
        let fields = Fields::parse(args.text(1, "fields")?)?;
        to_json(&store.ingest(args.text(0, "endpoint")?, &fields, args.bytes(2, "body")?, args.now(3)?)?)
    }),
    ("knocker_verify", 5, 6, |_, args| verify(args)),
    ("knocker_sign", 5, 6, |_, args| sign(args)),
    ("knocker_claim", 3, 5, |store, args| {
        let (filter, now) = args.option_and_now(3, "filter")?;
        let filter = filter.map(ClaimFilter::parse).transpose()?.unwrap_or_default();
        let leased = store.claim(args.text(0, "worker")?, args.whole(1, "limit")?, args.whole(2, "lease_s")?, &filter, now)?;
        Ok(Value::Integer(leased))
    }),
    ("knocker_handled", 3, 4, |store, args| {
        store.handled(args.whole(0, "job_id")?, args.text(1, "worker")?, args.whole(2, "duration_ms")?, args.now(3)?)?;
        Ok(Value::Integer(1))
    }),
    ("knocker_failed", 4, 6, failed),
    ("knocker_skipped", 4, 5, |store, args| {
        let (job_id, worker, reason) = (args.whole(0, "job_id")?, args.text(1, "worker")?, args.text(2, "reason")?);
        store.skipped(job_id, worker, reason, args.whole(3, "duration_ms")?, args.now(4)?)?;
        Ok(Value::Integer(1))
    }),
    ("knocker_extend", 3, 4, |store, args| {
        let until = store.extend(args.whole(0, "job_id")?, args.text(1, "worker")?, args.whole(2, "lease_s")?, args.now(3)?)?;
        Ok(Value::Integer(until))
    }),
    ("knocker_release", 1, 2, |store, args| Ok(Value::Integer(store.release(args.text(0, "worker")?, args.now(1)?)?))),
    ("knocker_next_due", 0, 2, |store, args| {
        let (filter, now) = args.option_and_now(0, "filter")?;
        let filter = filter.map(DueFilter::parse).transpose()?.unwrap_or_default();
        Ok(store.next_due(&filter, now)?.map_or(Value::Null, Value::Integer))
    }),
    ("knocker_replay", 1, 3, |store, args| operate(store, args, Action::Replay)),
    ("knocker_requeue", 1, 3, |store, args| operate(store, args, Action::Requeue)),
    ("knocker_ignore", 1, 4, |store, args| {
        let (reason, options, now) = args.options_and_now(1, ["reason", "options"])?;
        to_json(&store.operate(Action::Ignore, args.whole(0, "event_id")?, reason, &operate_options(options)?, now)?)
    }),
    ("knocker_replay_delivery", 1, 3, |store, args| {
        let (options, now) = args.option_and_now(1, "options")?;
        to_json(&store.replay_delivery(args.whole(0, "delivery_id")?, &operate_options(options)?, now)?)
    }),
    ("knocker_replay_where", 1, 2, |store, args| operate_where(store, args, Action::Replay)),
    ("knocker_requeue_where", 1, 2, |store, args| operate_where(store, args, Action::Requeue)),
    ("knocker_ignore_where", 1, 2, |store, args| operate_where(store, args, Action::Ignore)),
    ("knocker_prune_events", 1, 2, |store, args| to_json(&store.prune_events(args.text(0, "filter")?, args.now(1)?)?)),
    ("knocker_prune_deliveries", 1, 2, |store, args| to_json(&store.prune_deliveries(args.text(0, "filter")?, args.now(1)?)?)),
    ("knocker_retention", 1, 2, |store, args| {
        let policy = Policy::parse(args.text(0, "policy")?)?;
        store.retention(&policy, args.now(1)?)?;
        to_json(&policy)
    }),
    ("knocker_retain", 0, 1, |store, args| to_json(&store.retain(args.now(0)?)?)),
    ("knocker_stats", 0, 1, |store, args| to_json(&store.stats(args.now(0)?)?)),
];

/// Registers every function, once for each number of arguments that it takes.
pub(crate) fn register(conn: &Connection, session: &Session) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    for &(name, fewest, most, handler) in FUNCTIONS {
        for arguments in fewest..=most {
            let session = session.clone();
            conn.create_scalar_function(name, arguments as i32, flags, move |ctx| call(&session, ctx, handler))?;
        }
    }
    Ok(())
}

fn call(session: &Session, ctx: &Context<'_>, handler: Handler) -> rusqlite::Result<Value> {
    let args = Arguments::new(ctx);
    // SAFETY: the connection does not own the handle; it lives for this call, or as long as the session, which ends before the handle.
    let connect = || unsafe { Connection::from_handle(ctx.get_connection()?.handle()) };
    match session.store(connect).map_err(Error::from)? {
        Some(store) => Ok(handler(&store, &args)?),
        // A call from inside a call goes on without kept statements.
        None => Ok(handler(&Store::new(connect()?), &args)?),
    }
}

fn to_json(value: &impl Serialize) -> Result<Value> {
    Ok(Value::Text(serde_json::to_string(value).expect("results are plain JSON")))
}

fn receive(store: &Store, args: &Arguments) -> Result<Value> {
    let request = Request::parse(args.text(1, "request")?, args.bytes(2, "body")?)?;
    let secrets = Secrets::parse(args.text(3, "secrets")?)?;
    to_json(&store.receive(args.text(0, "endpoint")?, &request, &secrets, args.now(4)?)?)
}

fn judge(store: &Store, args: &Arguments) -> Result<Value> {
    let request = Request::parse(args.text(1, "request")?, args.bytes(2, "body")?)?;
    let secrets = Secrets::parse(args.text(3, "secrets")?)?;
    Ok(Value::Blob(store.judge(args.text(0, "endpoint")?, &request, &secrets, args.now(4)?)?))
}

fn verify(args: &Arguments) -> Result<Value> {
    let provider = providers::find(args.text(0, "provider")?)?;
    let options = provider.options(args.optional_text(1, "options")?.unwrap_or("{}"))?;
    let request = Request::parse(args.text(2, "request")?, args.bytes(3, "body")?)?;
    let secrets = Secrets::parse(args.text(4, "secrets")?)?;
    to_json(&provider.verify(&options, &request, &secrets, args.now(5)?))
}

fn sign(args: &Arguments) -> Result<Value> {
    let provider = providers::find(args.text(0, "provider")?)?;
    let options = provider.options(args.optional_text(1, "options")?.unwrap_or("{}"))?;
    let request = Request::parse(args.text(2, "request")?, args.bytes(3, "body")?)?;
    let signed = provider.sign(&options, &request, args.text(4, "secret")?, args.now(5)?)?;
    let headers: serde_json::Map<_, _> = signed.headers.into_iter().map(|(name, value)| (name, value.into())).collect();
    to_json(&json!({"headers": headers, "url": signed.url, "body": signed.body}))
}

fn failed(store: &Store, args: &Arguments) -> Result<Value> {
    let (options, now) = args.option_and_now(4, "options")?;
    let options = options.map(FailOptions::parse).transpose()?.unwrap_or_default();
    let (job_id, worker, error) = (args.whole(0, "job_id")?, args.text(1, "worker")?, args.text(2, "error")?);
    to_json(&store.failed(job_id, worker, error, args.whole(3, "duration_ms")?, &options, now)?)
}

fn operate(store: &Store, args: &Arguments, action: Action) -> Result<Value> {
    let (options, now) = args.option_and_now(1, "options")?;
    to_json(&store.operate(action, args.whole(0, "event_id")?, None, &operate_options(options)?, now)?)
}

fn operate_options(options: Option<&str>) -> Result<OperateOptions> {
    Ok(options.map(OperateOptions::parse).transpose()?.unwrap_or_default())
}

fn operate_where(store: &Store, args: &Arguments, action: Action) -> Result<Value> {
    to_json(&store.operate_where(action, args.text(0, "filter")?, args.now(1)?)?)
}
