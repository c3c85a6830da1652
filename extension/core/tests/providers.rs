//! Properties that hold for every provider: what is signed here verifies, one changed byte of it does not, and nothing panics.
//!
//! Each property runs 10,000 cases a provider, the same ones in each run, so that what a run says depends on the code alone.
//! `PROPTEST_CASES` sets another number, `PROPTEST_RNG_SEED` draws others.

#[path = "providers/fixtures.rs"]
mod fixtures;
#[path = "providers/table.rs"]
mod table;

use std::collections::BTreeSet;

use fixtures::{Body, Fixture, Region};
use knocker_core::providers::{Options, Outcome, Provider, Secrets, all, find};
use knocker_core::request::{Headers, Request};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use table::FIXTURES;

/// 2026-01-01T00:00:00Z.
const NOW_MS: i64 = 1_767_225_600_000;

/// A request that a provider would send.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    now_ms: i64,
}

impl Sent {
    fn request(&self) -> Request<'_> {
        Request {
            method: self.method.into(),
            url: self.url.clone(),
            headers: self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            body: &self.body,
            truncated: false,
        }
    }
}

struct Subject {
    fixture: &'static Fixture,
    provider: &'static Provider,
    options: Options,
}

impl Subject {
    fn new(label: &str) -> Self {
        let fixture = FIXTURES.iter().find(|fixture| fixture.label == label).unwrap();
        let provider = find(fixture.provider).unwrap();
        Self { fixture, provider, options: provider.options(fixture.options).unwrap() }
    }

    fn sign(&self, body: Vec<u8>, now_ms: i64) -> Sent {
        let headers = self.fixture.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut sent = Sent { method: "POST", url: "https://example.com/hooks/in?a=1".into(), headers, body, now_ms };
        let signed = self.provider.sign(&self.options, &sent.request(), self.fixture.signing_secret(), now_ms).unwrap();
        sent.url = signed.url.unwrap_or(sent.url);
        sent.body = signed.body.map_or(sent.body, String::into_bytes);
        for (name, value) in signed.headers {
            sent.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
            sent.headers.push((name, value));
        }
        sent
    }

    fn outcome(&self, sent: &Sent, secret: &str) -> Outcome {
        self.provider.verify(&self.options, &sent.request(), &Secrets::from_strings([secret]), sent.now_ms).outcome
    }
}

/// A place in something long, and what to put there.
#[derive(Debug, Clone, Copy)]
struct Change {
    at: prop::sample::Index,
    byte: u8,
}

fn change() -> impl Strategy<Value = Change> {
    (any::<prop::sample::Index>(), 0x21u8..0x7f).prop_map(|(at, byte)| Change { at, byte })
}

impl Change {
    /// Replaces one byte of those places. `None` where the byte is the same, or the same without regard to case and that is fine there.
    fn apply(self, bytes: &[u8], places: &[usize], any_case: bool) -> Option<Vec<u8>> {
        let place = *places.get(self.at.index(places.len().max(1)))?;
        let old = bytes[place];
        if old == self.byte || (any_case && old.eq_ignore_ascii_case(&self.byte)) {
            return None;
        }
        let mut changed = bytes.to_vec();
        changed[place] = self.byte;
        Some(changed)
    }

    fn apply_text(self, text: &str, from: usize, any_case: bool) -> Option<String> {
        let places: Vec<usize> = (from..text.len()).collect();
        String::from_utf8(self.apply(text.as_bytes(), &places, any_case)?).ok()
    }
}

fn bodies(kind: Body) -> BoxedStrategy<Vec<u8>> {
    match kind {
        Body::Bytes => prop::collection::vec(any::<u8>(), 0..64).boxed(),
        Body::Form => prop::collection::vec("[a-z]{1,3}=[a-z0-9]{0,6}", 1..5)
            .prop_map(|pairs| {
                let pairs: Vec<_> = pairs.iter().enumerate().map(|(index, pair)| format!("p{index}{pair}")).collect();
                pairs.join("&").into_bytes()
            })
            .boxed(),
        Body::Json => ("[a-z]{0,10}", any::<u32>()).prop_map(|(text, number)| format!(r#"{{"{text}":{number}}}"#).into_bytes()).boxed(),
        Body::Adyen => ("[a-z0-9]{1,10}", any::<u32>())
            .prop_map(|(text, number)| {
                let item = format!(
                    r#"{{"pspReference":"{text}","merchantAccountCode":"m","amount":{{"value":{number},"currency":"EUR"}},"eventCode":"REFUND","success":"true"}}"#
                );
                format!(r#"{{"notificationItems":[{{"NotificationRequestItem":{item}}}]}}"#).into_bytes()
            })
            .boxed(),
    }
}

fn run<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(10_000);
    let rng_seed = if Config::default().rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { Config::default().rng_seed };
    let config = Config { cases, rng_seed, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&strategy, test).unwrap();
}

fn a_signed_request_verifies_and_one_changed_byte_is_refused(label: &str) {
    let subject = Subject::new(label);
    let fixture = subject.fixture;
    let secret = fixture.secret;
    let strategy = (bodies(fixture.body), 0i64..2_000_000_000_000, [change(), change(), change(), change()], any::<prop::sample::Index>());
    run(strategy, |(body, now_ms, [in_body, in_header, in_url, in_secret], which)| {
        let sent = subject.sign(body, now_ms);
        let delivered = matches!(subject.outcome(&sent, secret), Outcome::Delivery(_));
        prop_assert!(delivered, "signed here and refused: {:?}", subject.outcome(&sent, secret));

        let refused = |sent: &Sent, secret: &str| matches!(subject.outcome(sent, secret), Outcome::Refused { .. });
        let places = fixture.region.places(&sent.body);
        if let Some(body) = in_body.apply(&sent.body, &places, fixture.any_case) {
            let changed = Sent { body, ..sent.clone() };
            prop_assert!(refused(&changed, secret), "body {:?}", String::from_utf8_lossy(&changed.body));
        }
        if !fixture.signed_headers.is_empty() {
            let (name, from) = fixture.signed_headers[which.index(fixture.signed_headers.len())];
            let at = sent.headers.iter().position(|(other, _)| other.eq_ignore_ascii_case(name)).unwrap();
            if let Some(value) = in_header.apply_text(&sent.headers[at].1, from, fixture.any_case) {
                let mut changed = sent.clone();
                changed.headers[at].1 = value;
                prop_assert!(refused(&changed, secret), "header {name}: {:?}", changed.headers[at].1);
            }
            let mut without = sent.clone();
            without.headers.remove(at);
            prop_assert!(refused(&without, secret), "without header {name}");
        }
        if fixture.url_signed
            && let Some(url) = in_url.apply_text(&sent.url, "https://example.com/".len(), false)
        {
            let changed = Sent { url, ..sent.clone() };
            prop_assert!(refused(&changed, secret), "url {:?}", changed.url);
        }
        if let Some(other) = in_secret.apply_text(secret, 0, fixture.any_case) {
            prop_assert!(refused(&sent, &other), "secret {other:?}");
        }
        prop_assert!(refused(&sent, " "), "a blank secret");
        Ok(())
    });
}

/// Bodies, headers and URLs of every kind: what a stranger may send, and what a sender signs that nobody expected.
fn nothing_panics(label: &str) {
    let subject = Subject::new(label);
    let names: Vec<String> =
        subject.provider.headers().into_iter().map(str::to_owned).chain(fixtures::OTHER_HEADERS.map(str::to_owned)).collect();
    let name = prop_oneof![4 => prop::sample::select(names), 1 => "[a-zA-Z-]{1,12}"];
    let value = prop_oneof![
        "multipart/form-data; boundary=b",
        "t=[0-9]{0,12},h=[a-z -]{0,20},v1=[0-9a-f]{0,64}",
        "\\PC{0,12}",
        "(sha256=|v0=|v1,|t=1,v1=|ts=1;h1=|Basic |Bearer )[a-z0-9+/=,; ]{0,70}",
        "[0-9]{0,20}"
    ];
    let fragment = prop_oneof![
        prop::sample::select(fixtures::FRAGMENTS.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    let body = prop::collection::vec(fragment, 0..12).prop_map(|fragments| fragments.concat());
    let url = prop_oneof!["\\PC{0,12}", "(https?://)?[a-z@:0-9]{0,10}[/?#%&=a-z._0-9]{0,30}"];
    let method = prop::sample::select(vec!["POST", "GET", "HEAD", "get", ""]);
    let strategy = (method, url, prop::collection::vec((name, value), 0..4), body, any::<i64>());
    run(strategy, |(method, url, headers, body, now_ms)| {
        let sent = Sent { method, url, headers, body, now_ms };
        check_verdict(&subject, &sent)?;
        let request = sent.request();
        let redacted = subject.provider.redact(&subject.options, &request);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&redacted.headers).is_ok());
        // A body that cannot be signed is an error, and any other one verifies as what it is.
        if let Ok(signed) = subject.provider.sign(&subject.options, &request, subject.fixture.signing_secret(), now_ms) {
            let mut sent = sent.clone();
            sent.url = signed.url.unwrap_or(sent.url);
            sent.body = signed.body.map_or(sent.body, String::into_bytes);
            for (name, value) in signed.headers {
                sent.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
                sent.headers.push((name, value));
            }
            check_verdict(&subject, &sent)?;
        }
        Ok(())
    });
}

fn check_verdict(subject: &Subject, sent: &Sent) -> Result<(), TestCaseError> {
    match subject.outcome(sent, subject.fixture.secret) {
        Outcome::Delivery(items) => {
            for item in items {
                if let Some(span) = item.span {
                    prop_assert!(span.start < span.end && span.end <= sent.body.len());
                }
                prop_assert!(item.key.is_none_or(|key| !key.is_empty() && key.len() <= 255));
                prop_assert!(item.event_type.is_none_or(|text| !text.is_empty()));
            }
        }
        Outcome::Refused { detail, .. } => prop_assert!(!detail.contains(subject.fixture.secret) && detail.len() <= 600),
        Outcome::Handshake => {}
    }
    Ok(())
}

macro_rules! properties {
    ($($label:ident)*) => {
        $(mod $label {
            #[test]
            fn a_signed_request_verifies_and_one_changed_byte_is_refused() {
                super::a_signed_request_verifies_and_one_changed_byte_is_refused(stringify!($label));
            }

            #[test]
            fn nothing_panics() {
                super::nothing_panics(stringify!($label));
            }
        })*

        const TESTED: &[&str] = &[$(stringify!($label)),*];
    };
}

properties! {
    adyen adyen_body asana auth0 basic bearer bitbucket box_com braintree cal_com calendly clerk coinbase_commerce coinbase_hook0 discord docusign dropbox
    figma github gitlab gitlab_signing gocardless hmac hubspot hubspot_v1 hubspot_v2 intercom jira lemon_squeezy line linear mailgun meta mux
    notion okta openai paddle pagerduty paystack polar postmark razorpay resend sendgrid sentry shopify slack square standard_webhooks
    standard_webhooks_public_key stripe svix telegram telnyx token trello twilio twilio_json twilio_sha256 twitch typeform vercel webflow
    woocommerce workos xero zendesk zoom
}

#[test]
fn every_provider_has_its_properties_tested() {
    let labels: BTreeSet<_> = FIXTURES.iter().map(|fixture| fixture.label).collect();
    assert_eq!(labels, TESTED.iter().copied().collect());
    let tested: BTreeSet<_> = FIXTURES.iter().map(|fixture| fixture.provider).collect();
    assert_eq!(tested, all().iter().map(|provider| provider.name).collect());
}

#[test]
fn signing_needs_a_secret_that_is_one() {
    for fixture in FIXTURES {
        let subject = Subject::new(fixture.label);
        let request = Request::parse("{}", b"{}").unwrap();
        for blank in ["", " ", "\t\n"] {
            assert!(subject.provider.sign(&subject.options, &request, blank, NOW_MS).is_err(), "{}", fixture.label);
        }
    }
}

#[test]
fn ambiguous_security_headers_are_refused() {
    for fixture in FIXTURES.iter().filter(|fixture| fixture.region != Region::Sender) {
        let subject = Subject::new(fixture.label);
        let sent = subject.sign(fixture.sample_body(), NOW_MS);
        for (name, _) in fixture.signed_headers.iter().filter(|(name, _)| !name.starts_with("X-DocuSign")) {
            let mut twice = sent.clone();
            twice.headers.push(((*name).to_owned(), "another".to_owned()));
            assert!(matches!(subject.outcome(&twice, fixture.secret), Outcome::Refused { .. }), "{} {name}", fixture.label);
            let mut same = sent.clone();
            let value = same.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).unwrap().1.clone();
            same.headers.push(((*name).to_owned(), value));
            assert!(matches!(subject.outcome(&same, fixture.secret), Outcome::Delivery(_)), "{} {name}", fixture.label);
        }
    }
}

#[test]
fn every_secret_of_the_list_counts() {
    for fixture in FIXTURES {
        let subject = Subject::new(fixture.label);
        let sent = subject.sign(fixture.sample_body(), NOW_MS);
        let several = Secrets::from_strings(["", fixture.other_secret, fixture.secret]);
        let verdict = subject.provider.verify(&subject.options, &sent.request(), &several, NOW_MS);
        assert!(matches!(verdict.outcome, Outcome::Delivery(_)), "{}: {:?}", fixture.label, verdict.outcome);
        let wrong = Secrets::from_strings(["", fixture.other_secret]);
        let verdict = subject.provider.verify(&subject.options, &sent.request(), &wrong, NOW_MS);
        assert!(matches!(verdict.outcome, Outcome::Refused { .. }), "{}", fixture.label);
    }
}

#[test]
fn signing_twice_gives_the_same() {
    for fixture in FIXTURES {
        let subject = Subject::new(fixture.label);
        let (first, second) = (subject.sign(fixture.sample_body(), NOW_MS), subject.sign(fixture.sample_body(), NOW_MS));
        assert_eq!((first.headers, first.body, first.url), (second.headers, second.body, second.url));
    }
}

#[test]
fn a_type_that_signing_makes_up_is_known() {
    let request = |headers: &[(&str, &str)], body| Request {
        method: "POST".into(),
        url: "https://example.com/".into(),
        headers: headers.iter().copied().collect(),
        body,
        truncated: false,
    };
    let none = Options::default();
    let made_up: Vec<_> = all()
        .iter()
        .filter_map(|provider| provider.made_up_type(&none, &request(&[], b"{}")).map(|made_up| (provider.name, made_up)))
        .collect();
    let headers = made_up.iter().map(|&(provider, (header, value))| (provider, header, value));
    assert_eq!(
        headers.collect::<BTreeSet<_>>(),
        BTreeSet::from([
            ("bitbucket", "X-Event-Key", "repo:push"),
            ("github", "X-GitHub-Event", "ping"),
            ("gitlab", "X-Gitlab-Event", "Push Hook"),
            ("lemon-squeezy", "X-Event-Name", "order_created"),
            ("linear", "Linear-Event", "Issue"),
            ("sentry", "Sentry-Hook-Resource", "issue"),
            ("shopify", "X-Shopify-Topic", "orders/create"),
            ("woocommerce", "X-WC-Webhook-Topic", "order.created"),
        ])
    );
    for (provider, (header, _)) in made_up {
        let says_it = request(&[(header, "something.else")], b"{}");
        assert_eq!(find(provider).unwrap().made_up_type(&none, &says_it), None, "{provider}");
    }
    let linear = find("linear").unwrap();
    assert_eq!(linear.made_up_type(&none, &request(&[], br#"{"type": "Comment"}"#)), None);
}

#[test]
fn credentials_in_headers_are_not_stored() {
    for label in ["token", "bearer", "basic", "telegram", "gitlab", "okta", "auth0", "postmark", "figma"] {
        let subject = Subject::new(label);
        let sent = subject.sign(subject.fixture.sample_body(), NOW_MS);
        let request = sent.request();
        let redacted = subject.provider.redact(&subject.options, &request);
        let carried = |text: &str| text.contains(subject.fixture.secret);
        assert!(!carried(&redacted.headers) && !carried(&String::from_utf8_lossy(&redacted.body)), "{label}");
    }
    let headers: Headers = [("Authorization", "Basic dXNlcjp0ZXN0")].into_iter().collect();
    let request = Request { method: "POST".into(), url: "https://user:test@example.com/".into(), headers, body: b"", truncated: false };
    let redacted = find("postmark").unwrap().redact(&Options::default(), &request);
    assert_eq!(redacted.url, "https://[redacted]@example.com/");
    assert!(redacted.headers.contains("[redacted]"));
}
