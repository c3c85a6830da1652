//! An HTTP endpoint that gets events as Standard Webhooks, signed: an endpoint of another Knocker, for example.

use std::time::Duration;

use knocker_core::providers::{self, Provider};
use knocker_core::request::Headers;
use knocker_core::store::system_now;
use zeroize::Zeroizing;

use super::Message;
use super::target::{Published, Readiness, Target};
use crate::failure::{Failure, Result};
use crate::post::{self, Sender, Unsigned};
use crate::printable;

/// How many requests are on their way at once, each on a connection of its own.
const AT_ONCE: i64 = 16;

/// The endpoint, and the secret that it shares with us.
pub struct Http {
    url: String,
    secret: Zeroizing<String>,
    provider: &'static Provider,
    sender: Sender,
}

impl Http {
    /// # Errors
    /// A URL that cannot be sent to, or that holds a password; a secret that cannot sign.
    pub fn new(url: &str, secret: Zeroizing<String>, timeout: Duration) -> Result<Self> {
        post::require_url(url)?;
        if post::shown(url) != url {
            let hint = "Other users of the machine can read the command line. The signature is what the receiver goes by.";
            return Err(Failure::usage("a password does not belong into the URL", hint));
        }
        let target = Self { url: url.to_owned(), secret, provider: providers::find("standard-webhooks")?, sender: Sender::new(timeout) };
        target.sign("probe", Headers::new(), b"")?;
        Ok(target)
    }

    fn sign(&self, id: &str, mut headers: Headers, body: &[u8]) -> Result<post::Signed> {
        headers.push("webhook-id", id);
        let unsigned = Unsigned { method: "POST", url: &self.url, headers, body };
        post::sign(self.provider, &self.provider.options("")?, unsigned, &self.secret, system_now())
    }

    fn send(&self, message: &Message) -> Published {
        let content_type = message.headers.first("content-type").map(|value| ("content-type".to_owned(), value.to_owned()));
        let headers = content_type.into_iter().chain(message.told()).collect();
        let answer = self.sign(&message.id(), headers, &message.body).and_then(|signed| self.sender.send(&signed));
        match answer {
            Ok(answer) => judged(answer.status, &answer.body),
            Err(failure) if failure.exit == crate::failure::Exit::Usage => Published::Refused(failure.message().to_owned()),
            Err(failure) => Published::Away(failure.message().to_owned()),
        }
    }
}

impl Target for Http {
    fn name(&self) -> &str {
        &self.url
    }

    fn at_once(&self) -> i64 {
        AT_ONCE
    }

    /// Whether it takes something only shows when something is sent.
    fn ready(&mut self) -> Result<Readiness> {
        Ok(Readiness::Ready)
    }

    fn publish(&mut self, messages: Vec<Message>) -> Vec<Published> {
        let this = &*self;
        std::thread::scope(|scope| {
            let threads: Vec<_> = messages.iter().map(|message| scope.spawn(move || this.send(message))).collect();
            let gone = || Published::Away("the request was not finished".into());
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| gone())).collect()
        })
    }
}

/// What an answer says: of this message, or of the receiver as a whole, such as a wrong secret, which no message is to blame for.
fn judged(status: u16, body: &[u8]) -> Published {
    let said = if body.is_empty() { String::new() } else { format!(": {}", printable::shortened(&String::from_utf8_lossy(body), 200)) };
    match status {
        200..=299 => Published::Taken { known_before: false },
        300..=399 => Published::Away(format!("it answered {status}, and redirects are not followed: give the URL where it ends")),
        401 | 403 => Published::Away(format!("it answered {status}, as to a wrong secret{said}")),
        404 | 405 | 408 | 410 | 425 | 429 | 502..=504 => Published::Away(format!("it answered {status}{said}")),
        _ => Published::Refused(format!("the receiver answered {status}{said}")),
    }
}
