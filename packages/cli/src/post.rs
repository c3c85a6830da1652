//! Signing a request as a provider would, and sending it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use knocker_core::providers::{Options, Provider};
use knocker_core::request::{Headers, Request};
use ureq::http;

use crate::failure::{Exit, Failure, Result};

/// The most that is read of an answer.
const MOST_ANSWER_BYTES: u64 = 64 * 1024;

/// A request before it is signed.
pub struct Unsigned<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: Headers,
    pub body: &'a [u8],
}

/// A signed request, ready to go.
pub struct Signed {
    method: String,
    /// Where it goes: the given URL, or the one that the provider signs inside.
    pub url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The header that was made up and decides the event's type.
    pub made_up_type: Option<(&'static str, &'static str)>,
}

impl Signed {
    /// Whether it has a header of this name.
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

/// What the receiver said.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub duration_ms: u64,
}

/// Signs as of `now` (Unix milliseconds). The provider's headers replace given ones of the same name.
pub fn sign(provider: &Provider, options: &Options, unsigned: Unsigned, secret: &str, now: i64) -> Result<Signed> {
    let Unsigned { method, url, headers, body } = unsigned;
    let request = Request { method: method.to_owned(), url: url.to_owned(), headers, body, truncated: false };
    let signed = provider.sign(options, &request, secret, now)?;
    let made_up_type = provider.made_up_type(options, &request);
    let replaced = |name: &str| signed.headers.iter().any(|(added, _)| added.eq_ignore_ascii_case(name));
    let kept = request.headers.iter().filter(|(name, _)| !replaced(name)).map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Signed {
        headers: kept.chain(signed.headers.iter().cloned()).collect(),
        url: signed.url.unwrap_or(request.url),
        body: signed.body.map_or_else(|| body.to_vec(), String::into_bytes),
        made_up_type,
        method: request.method,
    })
}

/// Leaves the request as it is.
pub fn unsigned(unsigned: Unsigned) -> Signed {
    let Unsigned { method, url, headers, body } = unsigned;
    let headers = headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Signed { method: method.to_owned(), url: url.to_owned(), headers, body: body.to_vec(), made_up_type: None }
}

/// The bytes of a header value: a letter a byte, as it was received, where it can be that.
fn bytes(value: &str) -> Vec<u8> {
    let latin: Result<Vec<u8>, _> = value.chars().map(u8::try_from).collect();
    latin.unwrap_or_else(|_| value.as_bytes().to_vec())
}

/// Refuses what cannot be sent to. What was given is not repeated: without a scheme nobody knows where a password in it would end.
pub fn require_url(url: &str) -> Result {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if matches!(scheme.as_deref(), Some("http" | "https")) {
        return Ok(());
    }
    let hint = "Give an absolute URL such as http://127.0.0.1:3000/stripe.";
    Err(Failure::usage("the URL cannot be sent to: it does not begin with http:// or https://", hint))
}

/// Sends the request once.
pub fn send(signed: &Signed, timeout: Duration) -> Result<Answer> {
    Sender::new(timeout).send(signed)
}

/// Sends requests, over connections that are used again. Redirects are not followed, as providers do not follow them either.
pub struct Sender(ureq::Agent);

impl Sender {
    pub fn new(timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .user_agent(concat!("knocker/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections_per_host(16)
            .timeout_global(Some(timeout))
            .build();
        Self(config.new_agent())
    }

    /// Sends the request once.
    pub fn send(&self, signed: &Signed) -> Result<Answer> {
        require_url(&signed.url)?;
        answer(&self.0, signed)
    }
}

fn answer(agent: &ureq::Agent, signed: &Signed) -> Result<Answer> {
    let mut request = http::Request::builder().method(signed.method.as_str()).uri(&signed.url);
    for (name, value) in &signed.headers {
        request = request.header(name, bytes(value));
    }
    let request = request.body(&signed.body[..]).map_err(|error| {
        // The error names what is wrong, never a value, which may be a credential.
        Failure::usage(format!("the request cannot be sent: {error}"), "Check the URL, the method and the headers.")
    })?;
    let started = Instant::now();
    let unreachable = |error: ureq::Error| explain(&signed.url, &error);
    let mut response = agent.run(request).map_err(unreachable)?;
    let body = response.body_mut().with_config().limit(MOST_ANSWER_BYTES).read_to_vec();
    let body = match body {
        Err(ureq::Error::BodyExceedsLimit(_)) => b"(longer than 64 KiB)".to_vec(),
        body => body.map_err(unreachable)?,
    };
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body,
        duration_ms: started.elapsed().as_millis() as u64,
    })
}

/// The URL as it may be shown: without the user and password that may stand in it.
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// Whether a URL is one of the receiver that listens at `http://ADDRESS:PORT`, by whatever name this machine has for itself.
pub fn leads_to(url: &str, receiver: &str) -> bool {
    let parts = |url: &str| {
        let url = shown(url).parse::<http::Uri>().ok()?;
        let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("https") { 443 } else { 80 });
        Some((url.host()?.trim_matches(['[', ']']).to_ascii_lowercase(), port))
    };
    let (Some((host, port)), Some((own_host, own_port))) = (parts(url), parts(receiver)) else { return false };
    let address = host.parse::<IpAddr>();
    let is_local = host == "localhost" || address.is_ok_and(|address| address.is_loopback() || address.is_unspecified());
    port == own_port && (is_local || host == own_host)
}

fn explain(url: &str, error: &ureq::Error) -> Failure {
    use ureq::Error;
    let url = shown(url);
    let again = "Check that the receiver runs and listens there, then send again.";
    match error {
        Error::BadUri(_) | Error::Http(_) => {
            Failure::usage(format!("{url} cannot be sent to: {error}"), "Give an absolute URL such as http://127.0.0.1:3000/stripe.")
        }
        // What TLS does not like comes as invalid data of the connection.
        Error::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => {
            let hint = "The receiver's certificate is not one of a public authority, or it speaks plain http there.";
            Failure::new(Exit::Failed, format!("no TLS connection to {url}: {cause}"), hint)
        }
        Error::Timeout(_) => {
            Failure::new(Exit::Retry, format!("{url} did not answer in time"), "Look at the receiver's log, or raise --timeout.")
        }
        _ => Failure::new(Exit::Retry, format!("{url} did not answer: {error}"), again),
    }
}

#[cfg(test)]
mod tests {
    use super::{leads_to, shown};

    #[test]
    fn a_receiver_is_known_by_all_its_names() {
        let own = "http://127.0.0.1:4910";
        for url in ["http://localhost:4910/stripe", "http://u:p@127.0.0.1:4910", "http://[::1]:4910/", "http://0.0.0.0:4910/x"] {
            assert!(leads_to(url, own), "{url}");
        }
        for url in ["http://localhost:3000/stripe", "http://example.com:4910/", "https://localhost/", "nothing"] {
            assert!(!leads_to(url, own), "{url}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        assert_eq!(shown("http://user:p@ss@127.0.0.1:8/a?b=@c"), "http://127.0.0.1:8/a?b=@c");
        assert_eq!(shown("https://example.com/@name"), "https://example.com/@name");
        assert_eq!(shown("no url"), "no url");
    }
}
