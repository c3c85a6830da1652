//! What may be stored of a request: everything but credentials.

use std::borrow::Cow;

use super::engine::{form, json_edit};
use super::options::Options;
use super::verdict::Redacted;
use crate::request::{REDACTED, Request};

/// Where a provider's requests carry credentials, beyond the headers that always do.
pub(crate) struct Redaction {
    /// Headers, in lower case.
    pub headers: &'static [&'static str],
    /// The option that names one more header.
    pub header_option: Option<&'static str>,
    /// Query parameters.
    pub query: &'static [&'static str],
    /// Dotted paths of the JSON body.
    pub body: &'static [&'static str],
}

impl Redaction {
    /// Nothing beyond the usual.
    pub const NONE: Redaction = Redaction { headers: &[], header_option: None, query: &[], body: &[] };

    /// One more header.
    pub const fn headers(headers: &'static [&'static str]) -> Self {
        Redaction { headers, ..Self::NONE }
    }

    /// The request without credentials, by the general rules and this provider's.
    pub fn apply<'r>(&self, options: &Options, request: &'r Request<'_>) -> Redacted<'r> {
        let option = self.header_option.and_then(|option| options.text(option)).map(str::to_ascii_lowercase);
        let headers: Vec<&str> = self.headers.iter().copied().chain(option.as_deref()).collect();
        Redacted {
            headers: request.headers.to_stored_json(&headers),
            url: redact_url(&request.url, self.query),
            body: redact_body(request.body, self.body),
        }
    }
}

/// Query parameters that carry a credential whatever the provider.
const CREDENTIALS: &[&str] = &[
    "access_token",
    "api_key",
    "apikey",
    "auth",
    "auth_token",
    "hook_secret",
    "password",
    "secret",
    "token",
    "verify_token",
    "webhook_secret",
];

/// The request of an endpoint without provider, without credentials.
pub(crate) fn redact<'r>(request: &'r Request<'_>) -> Redacted<'r> {
    Redaction::NONE.apply(&Options::default(), request)
}

/// The URL without userinfo and without the values of these query parameters.
fn redact_url<'u>(url: &'u str, parameters: &[&str]) -> Cow<'u, str> {
    let mut url = Cow::Borrowed(url);
    if let Some(start) = url.find("://").map(|at| at + 3) {
        let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
        if let Some(at) = url[start..end].rfind('@') {
            url = Cow::Owned(format!("{}{REDACTED}{}", &url[..start], &url[start + at..]));
        }
    }
    let Some(query) = url.find('?').map(|at| at + 1) else { return url };
    let named = |pair: &str| {
        let mut names = form::pairs(pair.as_bytes()).map(|(name, _)| name);
        names
            .next()
            .is_some_and(|name| parameters.iter().chain(CREDENTIALS).any(|parameter| name.eq_ignore_ascii_case(parameter.as_bytes())))
    };
    let (query_text, fragment) = url[query..].split_once('#').map_or((&url[query..], None), |(query, fragment)| (query, Some(fragment)));
    if !query_text.split('&').any(named) {
        return url;
    }
    let pairs: Vec<Cow<str>> = query_text
        .split('&')
        .map(|pair| if named(pair) { format!("{}={REDACTED}", pair.split('=').next().unwrap_or_default()).into() } else { pair.into() })
        .collect();
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    Cow::Owned(format!("{}{}{fragment}", &url[..query], pairs.join("&")))
}

/// The body without the values at these paths.
fn redact_body<'b>(body: &'b [u8], paths: &[&str]) -> Cow<'b, [u8]> {
    match json_edit::cut(body, paths).as_slice() {
        [_] => body.into(),
        pieces => pieces.join(format!("\"{REDACTED}\"").as_bytes()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_userinfo_and_credentials() {
        assert_eq!(redact_url("https://a.example/x?y=1", &["token"]), "https://a.example/x?y=1");
        assert_eq!(redact_url("https://u:p@a.example/x@y", &[]), "https://[redacted]@a.example/x@y");
        assert_eq!(redact_url("https://u:p@q@a.example", &[]), "https://[redacted]@a.example");
        assert_eq!(redact_url("/x?a=1&hub.token=s&b=2#f", &["hub.token"]), "/x?a=1&hub.token=[redacted]&b=2#f");
        assert_eq!(redact_url("/x?Token=s&tokens=2", &[]), "/x?Token=[redacted]&tokens=2");
    }

    #[test]
    fn bodies_lose_named_fields_only() {
        let body = br#"{"a": 1, "passcode": "x\"y", "b": {"passcode": 2}}"#;
        assert_eq!(&*redact_body(body, &["passcode"]), br#"{"a": 1, "passcode": "[redacted]", "b": {"passcode": 2}}"#);
        assert!(matches!(redact_body(b"not json", &["passcode"]), Cow::Borrowed(_)));
    }
}
