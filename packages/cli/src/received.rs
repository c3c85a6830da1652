//! What was received with a request, and may go along to somewhere else.

use knocker_core::request::Headers;
use serde_json::Value;

/// Headers that speak of the connection on which the request came, and those that the sender of another one sets.
const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a package has stored beside the sender's headers: the span of its own receive, which is no parent of what another app does.
const OF_THE_RECEIVER: &[&str] = &["knocker-traceparent", "knocker-tracestate"];

/// Headers as they are stored: a text for each name, or a list.
pub fn headers(stored: &Value) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in stored.as_object().into_iter().flatten() {
        match value {
            Value::Array(values) => values.iter().filter_map(Value::as_str).for_each(|value| headers.push(name, value)),
            value => headers.push(name, value.as_str().unwrap_or_default()),
        }
    }
    headers
}

/// Whether a header belonged to the request's connection alone, or is none that came with it.
pub fn of_the_connection(name: &str, headers: &Headers) -> bool {
    let named = || headers.all("connection").flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case(name));
    OF_THE_CONNECTION.contains(&name) || OF_THE_RECEIVER.contains(&name) || named()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_connection_stays_there() {
        let headers: Headers =
            [("connection", "close, X-Hop"), ("x-hop", "1"), ("x-trace", "t"), ("host", "a"), ("knocker-traceparent", "00-1")]
                .into_iter()
                .collect();
        let kept: Vec<&str> = headers.iter().map(|(name, _)| name).filter(|name| !of_the_connection(name, &headers)).collect();
        assert_eq!(kept, ["x-trace"]);
    }
}
