//! `knocker listen`.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender, SyncSender, TrySendError};
use std::time::Duration;

use knocker_core::providers::{self, Secrets};
use knocker_core::receipt::Receipt;
use knocker_core::store::system_now;
use knocker_core::{Code, Store};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::forward::{Forwarder, Parcel};
use crate::receiver::{Arrival, Inbox, Receiver, Site};
#[cfg(unix)]
use crate::receiver::{NOT_REPLICATED, Replica};
use crate::secrets::SecretArgs;
use crate::stop::Stop;
use crate::{database, moment, post, printable, tint};

/// The database where none was named.
const DEFAULT_FILE: &str = "knocker.db";
/// How many requests wait for the app at most: whoever sends must not fill the memory where it is slow.
const MOST_WAITING: usize = 64;
/// How often it is looked whether somebody wants it to end.
const GLANCE: Duration = Duration::from_millis(100);

/// Where to listen, and for whom.
#[derive(clap::Args)]
pub struct Args {
    /// The endpoint, which is made where it is not there
    endpoint: String,

    /// Its provider [default: what is stored, or the one with the endpoint's name]
    #[arg(long)]
    provider: Option<String>,

    #[command(flatten)]
    secrets: SecretArgs,

    /// Pass each request on to this URL of the app, as it came
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    /// The port; 0 for a free one
    #[arg(long, short, default_value_t = 4910)]
    port: u16,

    /// The address to listen on; only this machine reaches the default
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: IpAddr,

    /// The URL of a tunnel as the provider knows it, without the endpoint: some providers sign it
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// Answer a request once a Litestream that replicates the file, with its control socket here, has it in the replica
    #[cfg(unix)]
    #[arg(long, value_name = "SOCKET")]
    replicated: Option<PathBuf>,

    /// How long to wait for the replica; then the request is stored and answered with 503
    #[cfg(unix)]
    #[arg(long, value_name = "AGE", default_value = "5s", value_parser = moment::parse_age)]
    replicated_timeout: i64,

    /// How long to wait for an answer of the app
    #[arg(long, value_name = "AGE", default_value = "30s", value_parser = moment::parse_age)]
    timeout: i64,
}

/// What the threads tell the one that writes.
enum News {
    /// A request was stored, or not.
    Received { method: String, url: String, receipt: Result<Receipt, &'static str> },
    /// As many as may wait for the app do.
    NotForwarded { delivery_id: Option<i64> },
    /// The app answered, or did not.
    Forwarded { delivery_id: Option<i64>, result: Result<crate::forward::Forwarded> },
}

/// Receives until somebody asks it to end.
pub fn run(context: &Context, args: &Args) -> Result {
    let stop = Stop::on_signals()?;
    args.to.as_deref().map_or(Ok(()), post::require_url)?;
    let path = context.db_path_or(Some(Path::new(DEFAULT_FILE)))?;
    let secrets = if args.secrets.any() { args.secrets.read_all()? } else { Vec::new() };
    let verified = !secrets.is_empty();
    let store = set_up(&path, args, context.now)?;
    let secrets = Secrets::from_strings(secrets.iter().map(|secret| secret.as_str()));

    let (tell, news) = mpsc::channel();
    let forward = args.to.as_ref().map(|url| start_forwarding(url, args.timeout, tell.clone()));
    let stored = store.find_endpoint(&args.endpoint)?;
    let told = move |arrival: Arrival| pass_on(&arrival, &tell, forward.as_ref());
    let site = Site { public_url: args.public_url.clone(), ..Site::default() };
    let inbox = Inbox::new(site, (store, path.clone()), move |_| Ok(secrets.clone()), told);
    #[cfg(unix)]
    let inbox = {
        let patience = Duration::from_secs(args.replicated_timeout.max(1) as u64);
        inbox.replicated(args.replicated.as_ref().map(|socket| Replica::new(&path, socket.clone(), patience)))
    };
    let receiver = Receiver::start(SocketAddr::new(args.host, args.port), inbox)?;
    if args.to.as_deref().is_some_and(|to| post::leads_to(to, &receiver.url)) {
        receiver.stop()?;
        let hint = "Name the URL on which the app itself listens.";
        return Err(Failure::usage("--to leads to this very receiver, which would send each request to itself without end", hint));
    }
    let provider = stored.config.provider.as_deref().unwrap_or_default();
    introduce(context, args, &receiver.url, (&path, provider, verified))?;

    while !stop.asked() {
        match news.recv_timeout(GLANCE) {
            Ok(news) => tell_news(context, args, &news)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    receiver.stop()?;
    news.try_iter().try_for_each(|news| tell_news(context, args, &news))
}

/// The database with the endpoint.
fn set_up(path: &Path, args: &Args, now: i64) -> Result<Store> {
    let store = database::create(path)?;
    store.bootstrap(now)?;
    let known = match store.find_endpoint(&args.endpoint) {
        Ok(endpoint) => endpoint.config.provider.clone(),
        Err(error) if error.code() == Code::UnknownEndpoint => None,
        Err(error) => return Err(error.into()),
    };
    if args.provider.is_some() || known.is_none() {
        let name = args.provider.as_deref().unwrap_or(&args.endpoint);
        let provider = providers::find(name).map_err(|_| {
            let hint = "Name its provider with --provider; `knocker providers` lists them.";
            Failure::usage(format!("there is no endpoint {:?}, and no provider {name:?}", args.endpoint), hint)
        })?;
        store.endpoint(&args.endpoint, &json!({"provider": provider.name}).to_string(), now)?;
    }
    Ok(store)
}

/// Hands a request over to those who write and forward. They are gone only where everything ends.
fn pass_on(arrival: &Arrival, tell: &Sender<News>, forward: Option<&SyncSender<Parcel>>) {
    let request = arrival.request;
    let receipt = arrival.receipt.cloned();
    let delivery_id = receipt.as_ref().ok().and_then(|receipt| receipt.delivery_id);
    let _ = tell.send(News::Received { method: request.method.clone(), url: request.url.clone(), receipt });
    // What was not read whole is not what was sent.
    if let Some(forward) = forward
        && arrival.receipt.is_ok_and(|receipt| receipt.delivery_id.is_some())
        && !request.truncated
    {
        let sent = forward.try_send(Parcel {
            delivery_id,
            endpoint: arrival.endpoint.to_owned(),
            method: request.method.clone(),
            url: request.url.clone(),
            headers: request.headers.clone(),
            body: request.body.to_vec(),
            ..Parcel::default()
        });
        if let Err(TrySendError::Full(_)) = sent {
            let _ = tell.send(News::NotForwarded { delivery_id });
        }
    }
}

/// A thread that sends what comes to the app, one after the other, so that a slow app holds up no receipt.
fn start_forwarding(url: &str, timeout: i64, tell: Sender<News>) -> SyncSender<Parcel> {
    let (forward, parcels) = mpsc::sync_channel::<Parcel>(MOST_WAITING);
    let forwarder = Forwarder { url: url.to_owned(), secret: None, timeout: Duration::from_secs(timeout.max(1) as u64) };
    std::thread::spawn(move || {
        for parcel in parcels {
            let result = forwarder.send(&parcel);
            if tell.send(News::Forwarded { delivery_id: parcel.delivery_id, result }).is_err() {
                return;
            }
        }
    });
    forward
}

fn introduce(context: &Context, args: &Args, address: &str, (path, provider, verified): (&PathBuf, &str, bool)) -> Result {
    let url = format!("{address}/{}", args.endpoint);
    if context.out.json() {
        return context.out.document(&json!({
            "kind": "listening", "at": system_now(), "url": url, "db": path.display().to_string(), "endpoint": args.endpoint, "provider": provider,
            "verified": verified,
        }));
    }
    context.out.line(format_args!("listening on  {url}"))?;
    context.out.line(format_args!("stores in     {}", path.display()))?;
    if let Some(to) = &args.to {
        context.out.line(format_args!("forwards to   {}", printable::text(&post::shown(to))))?;
    }
    let sent = format!("knocker send {provider} {url} payload.json {}", args.secrets.typed());
    if verified {
        context.out.line(format_args!("verifies as   {provider}, with the secret that was given"))?;
    } else {
        context.out.line("verifies      NOTHING: no secret was given, so all is stored as invalid and makes no event.")?;
        context.out.line(format_args!("              Put the secret that {provider} shows into a variable and add --secret-env NAME."))?;
    }
    context.out.line(format_args!("try it with   {sent}"))?;
    context.out.line("Ctrl-C ends it.\n")
}

fn tell_news(context: &Context, args: &Args, news: &News) -> Result {
    match news {
        News::Received { method, url, receipt } => tell_receipt(context, method, url, receipt.as_ref().map_err(|code| *code)),
        News::NotForwarded { delivery_id } => tell_not_forwarded(context, args, *delivery_id),
        News::Forwarded { delivery_id, result } => tell_forwarded(context, args, *delivery_id, result),
    }
}

fn tell_receipt(context: &Context, method: &str, url: &str, receipt: Result<&Receipt, &str>) -> Result {
    let at = system_now();
    if context.out.json() {
        let mut document = json!({"kind": "receipt", "at": at, "method": method, "url": url});
        match receipt {
            Ok(receipt) => document["receipt"] = json!(receipt),
            Err(code) => document["error"] = code.into(),
        }
        return context.out.document(&document);
    }
    let (word, what) = match receipt {
        #[cfg(unix)]
        Err(NOT_REPLICATED) => ("not replicated", "503: stored here alone".into()),
        Err(code) => ("not stored", format!("503: {code}")),
        Ok(receipt) => {
            let mut what = receipt.response.status.to_string();
            what.extend(receipt.delivery_id.map(|id| format!(", delivery {id}")));
            what.extend(receipt.event_id.map(|id| format!(", event {id}")));
            what.extend(receipt.reason.iter().map(|reason| format!(": {reason}")));
            what.extend(receipt.detail.iter().map(|detail| format!(": {detail}")));
            (receipt.outcome.name(), what)
        }
    };
    let style = tint::of(word);
    let path = url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or(url);
    let (time, call) = (moment::clock(at), format!("{method} {}", printable::shortened(path, 60)));
    context.out.line(format_args!("{time}  {}  {style}{word}{style:#}  {}", printable::text(&call), printable::text(&what)))
}

fn tell_not_forwarded(context: &Context, args: &Args, delivery_id: Option<i64>) -> Result {
    let (at, id) = (system_now(), delivery_id.unwrap_or_default());
    if context.out.json() {
        let error = format!("{MOST_WAITING} others wait for the app");
        return context.out.document(&json!({"kind": "forward", "at": at, "delivery_id": delivery_id, "error": error}));
    }
    let to = post::shown(args.to.as_deref().unwrap_or_default());
    let later = printable::text(&format!("forward {to} --delivery {id}")).into_owned();
    let style = tint::of("dead");
    let time = moment::clock(at);
    context.out.line(format_args!(
        "{time}    -> delivery {id} {style}not passed on{style:#}: {MOST_WAITING} wait for the app; later: knocker {later}"
    ))
}

fn tell_forwarded(context: &Context, args: &Args, delivery_id: Option<i64>, result: &Result<crate::forward::Forwarded>) -> Result {
    let at = system_now();
    if context.out.json() {
        let mut document = json!({"kind": "forward", "at": at, "delivery_id": delivery_id});
        match result {
            Ok(forwarded) => {
                document["status"] = forwarded.answer.status.into();
                document["duration_ms"] = forwarded.answer.duration_ms.into();
            }
            Err(failure) => document["error"] = failure.message().into(),
        }
        return context.out.document(&document);
    }
    let delivery = delivery_id.map(|id| format!("delivery {id} ")).unwrap_or_default();
    let (word, what) = match result {
        Ok(forwarded) => {
            let answer = &forwarded.answer;
            let word = if (200..300).contains(&answer.status) { "handled" } else { "dead" };
            (word, format!("{} in {} ms by {}", answer.status, answer.duration_ms, post::shown(args.to.as_deref().unwrap_or_default())))
        }
        Err(failure) => ("dead", failure.message().to_owned()),
    };
    let style = tint::of(word);
    context.out.line(format_args!("{}    -> {delivery}{style}{}{style:#}", moment::clock(at), printable::text(&what)))
}
