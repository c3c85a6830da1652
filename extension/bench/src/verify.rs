//! What verification costs beside the bare primitive over the same bytes: signature, timestamp, type and identity, everything that
//! `knocker_verify` says.
//!
//! The requests are the valid ones of the conformance data, signed anew with bodies of a kibibyte and of a hundred: they grow where webhooks
//! grow, inside their first nested value, so that the fields that name an event stand where the provider puts them.
//!
//! Some providers name no occurrence, and its identity is the SHA-256 of what they signed. That is a second pass of a hash over the body, and the floor
//! of such a verdict is what both passes cost: two signatures where HMAC-SHA-256 signs, 1.4 where HMAC-SHA-512 does. It is measured and stands beside
//! the figure. What does not get under it:
//!
//! - The signature is no identity: it changes with the secret, and a retry after a rotation would be another event. Nor does its computation pass by the
//!   digest: HMAC begins with a block of the key, so that every state after it is another.
//! - Another hash would name the events of rows that exist anew, and a retry that comes after the upgrade would be one more event.
//! - Both hashes already take the processor's instructions where it has them, found out as the program runs: SHA-NI on x86-64 and the SHA-2 instructions
//!   of aarch64, and AVX2 or the SHA-3 instructions for SHA-512.
//! - Both in one pass, block by block, so that the processor overlaps them, measured 1.75 in place of 2.0 where the blocks of both begin at the same
//!   bytes, and 2.2 where a timestamp stands before the body. It would be paid for every request, refused ones too, which now cost one pass.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use knocker_core::providers::{Outcome, Secrets, find};
use knocker_core::request::Request;
use serde_json::{Map, Value, json};

use crate::database::NOW;
use crate::primitive::{self, Primitive};
use crate::report::{Bound, Report, alternate_fastest, micros, throughput_ratio};

// The benchmark reads fewer fields than the property tests do.
#[allow(dead_code)]
#[path = "../../core/tests/providers/fixtures.rs"]
mod fixtures;
#[path = "../../core/tests/providers/table.rs"]
mod table;

use fixtures::{Fixture, Region};
use table::FIXTURES;

/// A valid request of the conformance data.
struct Sample {
    url: String,
    headers: Map<String, Value>,
    body: String,
}

/// The provider's first valid delivery with a JSON body.
fn sample(provider: &str) -> Option<Sample> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../conformance/verification/{provider}.json"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    file["cases"].as_array()?.iter().find_map(|case| {
        let body = case["body"].as_str().filter(|body| body.starts_with(['{', '[']))?;
        let headers = case["request"]["headers"].as_object()?;
        (case["expect"]["kind"] == "delivery").then(|| Sample {
            url: case["request"]["url"].as_str().unwrap_or("/").to_owned(),
            headers: headers.clone(),
            body: body.to_owned(),
        })
    })
}

/// The body grown to about this size by small values inside its first nested value.
fn grown(body: &str, bytes: usize) -> String {
    let mut lines = String::new();
    while lines.len() + body.len() < bytes {
        let number = lines.len();
        lines.push_str(&format!(r#"{{"id":"li_{number}","amount":{number},"text":"a \"quoted\" thing","list":[1,null,true]}},"#));
    }
    lines.push('0');
    match body[1..].find(['{', '[']).map(|at| at + 2) {
        Some(at) => {
            let (before, after) = body.split_at(at);
            let comma = if after.trim_start().starts_with(['}', ']']) { "" } else { "," };
            let field = if before.ends_with('{') { format!(r#""lines":[{lines}]"#) } else { format!("[{lines}]") };
            format!("{before}{field}{comma}{after}")
        }
        None => format!(r#"{},"lines":[{lines}]}}"#, body.trim_end().trim_end_matches('}')),
    }
}

/// What one request costs.
struct Cost {
    /// The verdict with type and identity.
    verdict: Duration,
    /// The signature alone: a request that another secret signed is refused as soon as it is checked.
    signature: Duration,
    /// The bare primitive.
    bare: Duration,
    /// The same and a SHA-256 over the body, where that names the occurrence.
    floor: Option<Duration>,
    /// Whether every item is read.
    is_batch: bool,
}

/// `None` where the provider's body is not JSON.
fn measure(fixture: &Fixture, primitive: Primitive, bytes: usize) -> Option<Cost> {
    let provider = find(fixture.provider).expect("the table names providers");
    let options = provider.options(fixture.options).expect("the table's options are valid");
    let mut sample = sample(provider.name)?;
    sample.body = grown(&sample.body, bytes);
    let request = |sample: &Sample| json!({"url": sample.url, "headers": sample.headers}).to_string();
    let text = request(&sample);
    let signed = provider.sign(&options, &Request::parse(&text, sample.body.as_bytes()).ok()?, fixture.signing_secret(), NOW).ok()?;
    for (name, value) in signed.headers {
        sample.headers.retain(|other, _| !other.eq_ignore_ascii_case(&name));
        sample.headers.insert(name, value.into());
    }
    sample.url = signed.url.unwrap_or(sample.url);
    sample.body = signed.body.unwrap_or(sample.body);
    let text = request(&sample);
    let body = sample.body.as_bytes();
    let request = Request::parse(&text, body).expect("the request is valid");
    let secrets = Secrets::from_strings([fixture.secret]);
    let verify = || provider.verify(&options, &request, &secrets, NOW).outcome;
    let Outcome::Delivery(items) = verify() else { return None };
    let is_batch = items.iter().any(|item| item.span.is_some());
    let others = Secrets::from_strings([fixture.other_secret]);
    let refuse = || provider.verify(&options, &request, &others, NOW).outcome;
    let bare = primitive.prepare(body);
    let operations = if bytes > 10_000 { 3 } else { 50 };
    let (verdict, bare_time) = alternate_fastest(40, operations, || drop(black_box(verify())), || bare(black_box(body)));
    let (signature, digest) = alternate_fastest(40, operations, || drop(black_box(refuse())), || primitive::digest(black_box(body)));
    let has_digest = items.iter().any(|item| item.key.as_deref().is_some_and(|key| key.contains("sha256:")));
    Some(Cost { verdict, signature, bare: bare_time, floor: has_digest.then_some(bare_time + digest), is_batch })
}

/// The primitive of a fixture that signs its whole body.
fn primitive_of(fixture: &Fixture) -> Option<Primitive> {
    let scheme = find(fixture.provider).expect("the table names providers").scheme();
    match Primitive::named_in(&scheme).filter(|_| fixture.region == Region::Whole)? {
        Primitive::HmacSha256 if fixture.private_key.is_some() => Some(Primitive::Ed25519),
        primitive => Some(primitive),
    }
}

/// What a verdict may cost, in signatures: a half more than the signature, which is what reading the body may take; a batch, of which every item is read,
/// three. Where a digest alone takes more than the half, a half more than the floor.
fn bound(is_batch: bool, floor: Option<f64>) -> Bound {
    match floor {
        _ if is_batch => Bound::AtMost(3.0),
        Some(floor) if floor > 1.5 => Bound::AtMost((floor * 100.0 + 50.0).round() / 100.0),
        _ => Bound::AtMost(1.5),
    }
}

pub fn run(report: &mut Report) {
    println!("\nverification: microseconds, and the ratio to the bare primitive over the same bytes");
    println!(
        "{:<30} {:<12} {:>8} {:>6}  {:>16} {:>6} {:>6} {:>10}  bound of the verdict",
        "provider", "primitive", "1 KiB", "", "100 KiB verdict", "", "floor", "signature"
    );
    for fixture in FIXTURES {
        let Some(primitive) = primitive_of(fixture) else { continue };
        let (Some(small), Some(large)) = (measure(fixture, primitive, 1024), measure(fixture, primitive, 102_400)) else { continue };
        let ratio = |ours, bare| 1.0 / throughput_ratio(ours, bare);
        let whole = ratio(large.verdict, large.bare);
        let floor = large.floor.map(|floor| ratio(floor, large.bare));
        let name = format!("verify {}, 100 KiB", fixture.label);
        let bound = bound(large.is_batch, floor);
        let judged = if primitive.is_hmac() { format!("{bound} {}", report.judge(&name, whole, bound)) } else { String::new() };
        println!(
            "{:<30} {:<12} {:>8} {:>6.2}  {:>16} {whole:>6.2} {:>6} {:>10.2}  {judged}",
            fixture.label,
            primitive.title(),
            micros(small.verdict),
            ratio(small.verdict, small.bare),
            micros(large.verdict),
            floor.map_or("1".to_owned(), |floor| format!("{floor:.2}")),
            ratio(large.signature, large.bare),
        );
    }
    println!(
        "The signature alone costs its primitive. Where the floor is more, the provider names no occurrence and a second hash of the body does. What is above it is the reading of the body, of every item where it is a batch."
    );
}
