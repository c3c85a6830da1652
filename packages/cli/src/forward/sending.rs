//! Sending a parcel: byte for byte, but for what belongs to one connection alone, and signed anew where its signature would not be taken now.

use std::time::Duration;

use knocker_core::providers::{self, Outcome, Secrets};
use knocker_core::request::{Headers, REDACTED, Request};
use knocker_core::store::system_now;
use zeroize::Zeroizing;

use super::Parcel;
use crate::failure::Result;
use crate::post::{self, Answer, Unsigned};
use crate::received::of_the_connection;

/// Where parcels go.
pub struct Forwarder {
    pub url: String,
    /// What to sign with where a signature would not be taken now.
    pub secret: Option<Zeroizing<String>>,
    pub timeout: Duration,
}

/// What became of a parcel.
pub struct Forwarded {
    pub answer: Answer,
    pub signed_anew: bool,
    /// What was stored redacted and is not sent: names of headers, and `url`.
    pub redacted: Vec<String>,
}

impl Forwarder {
    /// Sends it once.
    ///
    /// # Errors
    /// An app that does not answer, and a secret that cannot sign.
    pub fn send(&self, parcel: &Parcel) -> Result<Forwarded> {
        let mut redacted = Vec::new();
        let headers: Headers = parcel.headers.iter().filter(|(name, _)| !of_the_connection(name, &parcel.headers)).collect();
        let kept: Headers = headers.iter().filter(|(_, value)| *value != REDACTED).collect();
        redacted.extend(headers.iter().filter(|(_, value)| *value == REDACTED).map(|(name, _)| name.to_owned()));
        let url = target(&self.url, &parcel.url);
        if url.contains(REDACTED) {
            redacted.push("url".into());
        }
        let (method, body) = (parcel.method.as_str(), parcel.body.as_slice());
        let mut signed_anew = false;
        let mut request = post::unsigned(Unsigned { method, url: &url, headers: kept.clone(), body });
        if let (Some(secret), Some(name)) = (&self.secret, &parcel.provider) {
            let provider = providers::find(name)?;
            let options = provider.options(&parcel.options.to_string())?;
            let now = system_now();
            let would_be = Request { method: method.to_owned(), url: url.clone(), headers: kept.clone(), body, truncated: false };
            let verdict = provider.verify(&options, &would_be, &Secrets::from_strings([secret.as_str()]), now);
            if matches!(verdict.outcome, Outcome::Refused { .. }) {
                request = post::sign(provider, &options, Unsigned { method, url: &url, headers: kept, body }, secret, now)?;
                redacted.retain(|name| !request.has_header(name));
                signed_anew = true;
            }
        }
        Ok(Forwarded { answer: post::send(&request, self.timeout)?, signed_anew, redacted })
    }
}

/// The app's URL, with the query that the sender had added where it has none of its own.
fn target(url: &str, received: &str) -> String {
    match received.split_once('?') {
        Some((_, query)) if !url.contains('?') => format!("{url}?{query}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_the_sender_goes_along() {
        assert_eq!(target("http://a/b", "https://shop.example/stripe?x=1&y"), "http://a/b?x=1&y");
        assert_eq!(target("http://a/b?own", "/stripe?x=1"), "http://a/b?own");
        assert_eq!(target("http://a/b", "/stripe"), "http://a/b");
    }
}
