//! `knocker send`.

use std::path::PathBuf;
use std::time::Duration;

use knocker_core::providers;
use knocker_core::request::Headers;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::options::OptionArgs;
use crate::post::{self, Answer, Unsigned};
use crate::secrets::SecretArgs;
use crate::verify::read;
use crate::{moment, printable};

#[derive(clap::Args)]
pub struct Args {
    /// The provider to sign as
    provider: String,

    /// Where to send it, http or https
    url: String,

    /// The body, byte for byte; - for standard input
    payload: PathBuf,

    #[command(flatten)]
    secrets: SecretArgs,

    #[command(flatten)]
    options: OptionArgs,

    /// A header to send along, such as 'X-GitHub-Event: push'; may be repeated
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,

    /// The method
    #[arg(long, short = 'X', default_value = "POST")]
    method: String,

    /// Sign as of this time (RFC 3339 or an age) [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    at: Option<i64>,

    /// How long to wait for the answer
    #[arg(long, value_name = "AGE", default_value = "10s", value_parser = moment::parse_age)]
    timeout: i64,
}

/// Signs and sends; succeeds where the receiver answers 2xx.
pub fn run(context: &Context, args: &Args) -> Result {
    let provider = providers::find(&args.provider)?;
    let options = args.options.parse(provider)?;
    args.secrets.leave_stdin_to(&args.payload)?;
    let body = read(&args.payload)?;
    let secret = args.secrets.read_one()?;
    let mut headers: Headers = args.header.iter().cloned().collect();
    if headers.first("content-type").is_none() {
        headers.push("content-type", content_type(&body));
    }
    let unsigned = Unsigned { method: &args.method, url: &args.url, headers, body: &body };
    let signed = post::sign(provider, &options, unsigned, &secret, args.at.unwrap_or(context.now))?;
    let answer = post::send(&signed, Duration::from_secs(args.timeout.max(1) as u64))?;
    let url = post::shown(&args.url);
    report(context, &args.method, &url, &answer)?;
    if let Some((name, value)) = signed.made_up_type
        && !context.out.json()
    {
        context.out.line(format_args!("sent with {name}: {value}, as none was given; for another type add -H '{name}: TYPE'"))?;
    }
    judge(&url, answer.status)
}

fn report(context: &Context, method: &str, url: &str, answer: &Answer) -> Result {
    let text = String::from_utf8_lossy(&answer.body);
    if context.out.json() {
        let headers: Map<String, Value> = answer.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        return context.out.document(&json!({
            "method": method, "url": url, "status": answer.status, "headers": headers, "body": text, "duration_ms": answer.duration_ms,
        }));
    }
    let (method, url) = (printable::text(method), printable::text(url));
    context.out.line(format_args!("{method} {url}: {} in {} ms", answer.status, answer.duration_ms))?;
    if text.is_empty() { Ok(()) } else { context.out.line(printable::lines(&text)) }
}

fn judge(url: &str, status: u16) -> Result {
    let message = format!("{url} answered {status}");
    match status {
        200..=299 => Ok(()),
        401 | 403 => Err(Failure::new(
            Exit::Failed,
            message,
            "The receiver did not accept the signature: check the secret, the provider and its options.",
        )),
        404 => Err(Failure::new(
            Exit::Failed,
            message,
            "Check the path of the URL. Where each tenant has a file, check the tenant's name too: one that stands in the host is sent with -H 'Host: NAME.example'.",
        )),
        300..=399 => Err(Failure::new(Exit::Failed, message, "Redirects are not followed: send to the final URL.")),
        408 | 429 | 500..=599 => {
            Err(Failure::new(Exit::Retry, message, "The receiver could not take it now: look at its log, then send again."))
        }
        _ => Err(Failure::new(Exit::Failed, message, "The receiver's answer above may say why.")),
    }
}

fn content_type(body: &[u8]) -> &'static str {
    if serde_json::from_slice::<IgnoredAny>(body).is_ok() { "application/json" } else { "application/octet-stream" }
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err("give NAME: VALUE".into()),
    }
}
