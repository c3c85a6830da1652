//! `knocker verify`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use knocker_core::providers::{self, Reason, Secrets};

use crate::captured::Captured;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::moment;
use crate::options::OptionArgs;
use crate::secrets::SecretArgs;
use crate::table::{Table, faint, optional, text};

#[derive(clap::Args)]
pub struct Args {
    /// The provider that the request claims to come from
    provider: String,

    /// The captured request: raw HTTP/1.1 text with headers and body; - for standard input
    request: PathBuf,

    #[command(flatten)]
    secrets: SecretArgs,

    #[command(flatten)]
    options: OptionArgs,

    /// Verify as of this time, for a request captured earlier (RFC 3339 or an age) [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    at: Option<i64>,
}

/// Tells whether the request is valid. Nothing is stored, and no database is needed.
pub fn run(context: &Context, args: &Args) -> Result {
    let provider = providers::find(&args.provider)?;
    let options = args.options.parse(provider)?;
    args.secrets.leave_stdin_to(&args.request)?;
    let captured = Captured::parse(&read(&args.request)?)?;
    let secrets = args.secrets.read_all()?;
    let secrets = Secrets::from_strings(secrets.iter().map(|secret| secret.as_str()));
    let verdict = provider.verify(&options, &captured.request(), &secrets, args.at.unwrap_or(context.now));

    if context.out.json() {
        context.out.document(&verdict)?;
    }
    if let Some((reason, detail)) = verdict.refusal() {
        let message = format!("the request is invalid: {}: {detail}", reason.name());
        return Err(Failure::new(Exit::Failed, message, advice(reason)));
    }
    if context.out.json() {
        return Ok(());
    }
    context.out.line(format_args!("valid: a {} from {}", verdict.kind().unwrap_or_default(), provider.title))?;
    for item in verdict.items() {
        let mut facts = Table::new(&[]);
        facts.row([faint("type"), optional(item.event_type.as_deref())]);
        facts.row([faint("key"), optional(item.key.as_deref())]);
        context.out.indented_table(facts, "  ")?;
    }
    let mut answer = Table::new(&[]);
    answer.row([faint("answer"), text(format!("{} {}", verdict.response.status, verdict.response.body))]);
    context.out.indented_table(answer, "  ")
}

/// The bytes of a file, or of standard input for `-`.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let done = if path.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    done.map_err(|error| Failure::unreadable(&path.display().to_string(), &error))?;
    Ok(bytes)
}

fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::MissingHeader => "Capture the request with all its headers, before a proxy removes any.",
        Reason::MalformedHeader => "Capture the headers as they were sent, and check that the provider is the right one.",
        Reason::BadSignature => {
            "Check the secret, and that the body is byte for byte what was sent: not decoded, reformatted or re-encoded."
        }
        Reason::TimestampOutOfTolerance => "For a request captured earlier add --at TIME, or --option tolerance_s=0 to leave the time out.",
        Reason::MalformedBody => "The body is not what this provider sends; check that the provider is the right one.",
        Reason::NoSecret => "Give a secret that is not blank.",
        Reason::NotAllowed => "The detail says what the request asked for that is not allowed.",
    }
}
