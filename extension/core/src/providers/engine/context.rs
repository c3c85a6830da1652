//! What a provider's functions see of one request.

use super::refusal::{Checked, Refusal};
use crate::providers::{Options, Reason};
use crate::request::Request;

/// One request on its way through a provider.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The options of the endpoint, defaults filled in.
    pub options: &'a Options,
    /// The request.
    pub request: &'a Request<'a>,
    /// The clock, Unix milliseconds.
    pub now_ms: i64,
}

impl<'a> Context<'a> {
    /// The raw body.
    pub fn body(&self) -> &'a [u8] {
        self.request.body
    }

    /// Every value of a header, whatever the case of its name; spaces around a value are not part of it.
    pub fn headers(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let request = self.request;
        let matching = request.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        matching.map(|(_, value)| value.trim_matches([' ', '\t']))
    }

    /// The value of a header, where it is there once or always the same.
    pub fn header(&self, name: &'a str) -> Checked<Option<&'a str>> {
        self.header_named(name)
    }

    /// The same for a name that lives shorter than the request.
    pub fn header_named(&self, name: &str) -> Checked<Option<&'a str>> {
        let request = self.request;
        let matching = request.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let mut values = matching.map(|(_, value)| value.trim_matches([' ', '\t']));
        let first = values.next();
        if values.any(|value| Some(value) != first) {
            return Err(Refusal::new(Reason::MalformedHeader, format!("the header {name} occurs with different values")));
        }
        Ok(first)
    }

    /// The value of a header that must be there.
    pub fn required_header(&self, name: &'a str) -> Checked<&'a str> {
        self.header(name)?.ok_or_else(|| Refusal::missing(name))
    }

    /// The first value of a header whose repetition does no harm.
    pub fn first_header(&self, name: &'a str) -> Option<&'a str> {
        self.headers(name).next()
    }

    /// Whether the request has this method.
    pub fn is_method(&self, method: &str) -> bool {
        self.request.method.eq_ignore_ascii_case(method)
    }

    /// `now` in whole Unix seconds.
    pub fn now_s(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }
}
