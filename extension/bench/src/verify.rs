//! What verification costs beside the bare primitive over the same bytes: signature, timestamp, type and identity, everything that
//! `knocker_verify` says.
//!
//! The requests are those of the core's property tests, with bodies of a kibibyte and of a hundred. The fields that name an event stand
//! either before the rest of the body or behind it: the reader stops at the last one it wants.

use std::hint::black_box;
use std::time::Duration;

use knocker_core::providers::{Outcome, Secrets, find};
use knocker_core::request::Request;

use crate::database::NOW;
use crate::primitive::Primitive;
use crate::report::{Bound, Report, alternate, micros, throughput_ratio};

#[allow(dead_code)]
#[path = "../../core/tests/providers/fixtures.rs"]
mod fixtures;
#[path = "../../core/tests/providers/table.rs"]
mod table;

use fixtures::{Body, Fixture};
use table::FIXTURES;

/// Where the fields that name an event stand.
#[derive(Clone, Copy)]
enum Fields {
    First,
    Last,
}

const NAMES: &str = r#""id":"evt_1","event_id":"evt_1","eventId":1,"type":"order.paid","event":"order.paid","event_type":"order.paid","created_at":"2026-01-01T00:00:00Z""#;

/// A document of about this size out of small values, as webhooks are.
fn body(bytes: usize, fields: Fields) -> Vec<u8> {
    let mut lines = String::new();
    while lines.len() + NAMES.len() < bytes {
        let number = lines.len();
        lines.push_str(&format!(r#"{{"id":"li_{number}","amount":{number},"text":"a \"quoted\" thing","list":[1,null,true]}},"#));
    }
    lines.pop();
    match fields {
        Fields::First => format!(r#"{{{NAMES},"lines":[{lines}]}}"#),
        Fields::Last => format!(r#"{{"lines":[{lines}],{NAMES}}}"#),
    }
    .into_bytes()
}

/// Time of a verification and of the bare primitive; `None` where the provider's request is not a JSON document.
fn measure(fixture: &Fixture, primitive: Primitive, bytes: usize, fields: Fields) -> Option<(Duration, Duration)> {
    if !matches!(fixture.body, Body::Bytes | Body::Json) {
        return None;
    }
    let provider = find(fixture.provider).expect("the table names providers");
    let options = provider.options(fixture.options).expect("the table's options are valid");
    let body = body(bytes, fields);
    let mut headers: serde_json::Map<_, _> = fixture.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    let request = |headers: &serde_json::Map<_, _>, url: &str| serde_json::json!({"url": url, "headers": headers}).to_string();
    let url = "https://example.com/hooks";
    let unsigned = Request::parse(&request(&headers, url), &body).expect("the request is valid");
    let signed = provider.sign(&options, &unsigned, fixture.signing_secret(), NOW).ok()?;
    headers.extend(signed.headers.into_iter().map(|(name, value)| (name, value.into())));
    let body = signed.body.map_or(body, String::into_bytes);
    let request = Request::parse(&request(&headers, signed.url.as_deref().unwrap_or(url)), &body).expect("the request is valid");
    let secrets = Secrets::from_strings([fixture.secret]);
    let verify = || provider.verify(&options, &request, &secrets, NOW).outcome;
    if !matches!(verify(), Outcome::Delivery(_)) {
        return None;
    }
    let bare = primitive.prepare(&body);
    let rounds = if bytes > 10_000 { 50 } else { 200 };
    let times =
        alternate(7, rounds, || (0..rounds).for_each(|_| drop(black_box(verify()))), || (0..rounds).for_each(|_| bare(black_box(&body))));
    Some(times)
}

pub fn run(report: &mut Report) {
    println!("\nverification: us, and the ratio to the bare primitive over the same bytes");
    println!(
        "{:<20} {:<12} {:>12} {:>6} {:>18} {:>6} {:>18} {:>6}",
        "provider", "primitive", "1 KiB", "", "100 KiB, first", "", "100 KiB, last", ""
    );
    for fixture in FIXTURES {
        let scheme = find(fixture.provider).expect("the table names providers").scheme();
        let Some(primitive) = Primitive::named_in(&scheme) else { continue };
        let cells: Vec<_> = [(1024, Fields::First), (102_400, Fields::First), (102_400, Fields::Last)]
            .into_iter()
            .map(|(bytes, fields)| measure(fixture, primitive, bytes, fields))
            .collect();
        let [Some(small), Some(first), Some(last)] = cells[..] else { continue };
        let cell = |(ours, theirs): (Duration, Duration)| (micros(ours), 1.0 / throughput_ratio(ours, theirs));
        let ((a, ra), (b, rb), (c, rc)) = (cell(small), cell(first), cell(last));
        println!("{:<20} {:<12} {a:>12} {ra:>6.2} {b:>18} {rb:>6.2} {c:>18} {rc:>6.2}", fixture.label, primitive.title());
    }
    println!();
    for (label, fields, bound) in [
        ("github", Fields::Last, Bound::AtMost(1.5)),
        ("stripe", Fields::First, Bound::AtMost(1.5)),
        ("stripe", Fields::Last, Bound::AtMost(1.5)),
    ] {
        let fixture = FIXTURES.iter().find(|fixture| fixture.label == label).expect("the table has it");
        let (ours, theirs) = measure(fixture, Primitive::HmacSha256, 102_400, fields).expect("it signs JSON");
        let place = if matches!(fields, Fields::First) { "first" } else { "last" };
        let name = format!("verify {label}, 100 KiB, its fields {place}");
        report.row(&name, &micros(ours), &micros(theirs), 1.0 / throughput_ratio(ours, theirs), bound);
    }
}
