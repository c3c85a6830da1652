//! The head of a request: which endpoint its path names, and the URL that its sender called.

use hyper::http::request::Parts;

use super::latin;

/// The longest name with a port.
const LONGEST_HOST: usize = 255 + ":65535".len();

/// How the receiver is reached.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// What stands before the name of an endpoint, without a slash at its end: `/webhooks`, or nothing.
    pub mount: &'static str,
    /// The URL that stands before the path as senders know it, where something in between changes it.
    pub public_url: Option<String>,
    /// Whether every peer is a proxy whose `X-Forwarded-…` is to be believed.
    pub trust_proxy: bool,
}

impl Site {
    /// The last part of a path below the mount, unescaped.
    pub fn endpoint(&self, path: &str) -> Option<String> {
        let below = path.strip_prefix(self.mount)?.strip_prefix('/')?;
        let last = below.strip_suffix('/').unwrap_or(below).rsplit('/').next()?;
        unescape(last).filter(|name| !name.is_empty())
    }

    /// The URL that the sender called. `None` where the request names no host that could be in one.
    pub fn url(&self, head: &Parts) -> Option<String> {
        let all = |name: &str| head.headers.get_all(name).iter().map(|value| latin(value.as_bytes())).collect::<Vec<_>>();
        let mut hosts = all("host");
        let mut host = hosts.pop().filter(|host| hosts.is_empty() && is_host(host))?;
        let target = latin(head.uri.path_and_query().map_or("/", |target| target.as_str()).as_bytes());
        if let Some(public_url) = &self.public_url {
            return Some(format!("{}{target}", public_url.trim_end_matches('/')));
        }
        let mut scheme = "http".to_owned();
        if self.trust_proxy {
            // Of several values the last is the one that the proxy itself has added.
            let last = |name| all(name).join(",").rsplit(',').next().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
            scheme = last("x-forwarded-proto").map_or(scheme, |scheme| scheme.to_ascii_lowercase());
            host = last("x-forwarded-host").unwrap_or(host);
        }
        (is_host(&host) && matches!(&*scheme, "http" | "https")).then(|| format!("{scheme}://{host}{target}"))
    }
}

/// Whether this can be in a URL: a name, or an address in brackets, and a port.
fn is_host(host: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._~!$&'()*+,;=%-".contains(&byte);
    let in_address = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if !address.is_empty() && address.bytes().all(in_address) => ("", port),
            _ => return false,
        },
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    host.len() <= LONGEST_HOST
        && (host.starts_with('[') || !name.is_empty() && name.bytes().all(in_name))
        && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// A part of a path without its escapes. `None` where they are none, or no UTF-8.
fn unescape(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => (char::from(rest.next()?).to_digit(16)? * 16 + char::from(rest.next()?).to_digit(16)?) as u8,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
