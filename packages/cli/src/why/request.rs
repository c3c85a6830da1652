//! A stored request in plain words: where it came from, and how it proved itself.

use knocker_core::Store;
use knocker_core::providers::{self, Provider};
use serde_json::Value;

use crate::failure::Result;
use crate::printable;
use crate::rows::{Row, select};

/// Headers in which a request or a proxy says where it came from.
const ORIGINS: [&str; 5] = ["user-agent", "x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"];

/// How and from where it came.
pub fn received(delivery: &Row) -> String {
    let whole = |column| delivery.whole(column).unwrap_or_default();
    let origin: Vec<String> = ORIGINS
        .iter()
        .filter_map(|&name| header(delivery, name).map(|value| format!("{name} {}", printable::shortened(value, 120))))
        .collect();
    let origin = if origin.is_empty() { "no header says from where".to_owned() } else { origin.join(", ") };
    let method = delivery.text("method").unwrap_or_default();
    let url = printable::shortened(delivery.text("url").unwrap_or_default(), 200);
    format!("received as delivery {}: {method} {url}, {}; {origin}", whole("id"), printable::size(whole("body_size")))
}

/// How an accepted one proved itself.
pub fn verified(store: &Store, delivery: &Row) -> String {
    match delivery.text("endpoint").map(|name| provider_of(store, name)) {
        Some(Ok(Some(provider))) => format!("verified as {} (or attested by the application): {}", provider.title, provider.scheme()),
        _ => "taken as valid on the application's word: the endpoint has no provider".into(),
    }
}

/// The provider of an endpoint.
pub fn provider_of(store: &Store, endpoint: &str) -> Result<Option<&'static Provider>> {
    let row = select(store.conn(), "SELECT provider FROM knocker_endpoints WHERE name = ?1", [endpoint])?.pop();
    let name = row.as_ref().and_then(|row| row.text("provider"));
    Ok(name.and_then(|name| providers::find(name).ok()))
}

/// A stored header, its first value.
pub fn header<'r>(delivery: &'r Row, name: &str) -> Option<&'r str> {
    match delivery.get("headers").get(name)? {
        Value::Array(values) => values.first()?.as_str(),
        value => value.as_str(),
    }
}

/// The other providers whose every proof stands in the request's headers, by title.
pub fn other_senders(delivery: &Row, own: Option<&Provider>) -> Vec<&'static str> {
    let proves = |provider: &Provider| {
        let headers = provider.headers();
        !headers.is_empty() && headers.iter().all(|name| header(delivery, &name.to_ascii_lowercase()).is_some())
    };
    // Generic schemes, and headers that several share, name nobody.
    let names_somebody = |provider: &Provider| {
        provider.headers().iter().any(|name| {
            let name = name.to_ascii_lowercase();
            !["authorization", "x-signature", "x-webhook-token", "x-hub-signature"].contains(&name.as_str())
        })
    };
    if own.is_some_and(proves) {
        return Vec::new();
    }
    let others = providers::all().iter().filter(|provider| names_somebody(provider) && proves(provider));
    others.map(|provider| provider.title).collect()
}
