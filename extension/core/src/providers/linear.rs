//! Linear signs the body, and the body holds the time of sending.
//!
//! Whether a retry, after 1 min, 1 h and 6 h, repeats that time or is stamped anew is not settled: receivers have reported both, and Linear's
//! own library takes 60 s. So both are safe here: the tolerance is longer than the retries go on, and the identity is the digest of the signed
//! body without that time, so that a captured request stays the occurrence that it was.

use super::engine::context::Context;
use super::engine::event::{Event, Source};
use super::engine::json::Json;
use super::engine::refusal::{Checked, Refusal};
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::engine::timestamp::{Future, Unit};
use super::engine::{json_edit, template::Part};
use super::options::OptionSpec;
use super::provider::{CustomScheme, Provider, Scheme};
use super::redelivery::{Grain, HOUR, MINUTE, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::Signed;
use crate::error::Result;
use crate::request::Request;

pub(crate) static LINEAR: Provider = Provider {
    name: "linear",
    title: "Linear",
    docs: "https://linear.app/developers/webhooks",
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC-SHA-256 over `{body}`, hex; the body's webhookTimestamp (ms) must be near",
        headers: &["Linear-Signature"],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    options: &[OptionSpec::tolerance(8 * 3600)],
    event: Event {
        types: &[Source::Json("type"), Source::Header("Linear-Event")],
        keys: &[Source::DigestWith(&[Source::Json("createdAt")]), Source::Header("Linear-Delivery")],
        renewed: &[TIMESTAMP],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(7 * HOUR + MINUTE),
        body: Repeat::Unknown,
        id: Repeat::Unknown,
        timestamp: Repeat::Unknown,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "createdAt is in milliseconds, and webhookTimestamp is not digested; a body without createdAt has the unsigned header as its identity",
    },
    samples: &[Sample::Text("Linear-Event", "Issue"), Sample::Uuid("Linear-Delivery")],
    types: Types::Some(&["Issue", "Comment", "Project", "Cycle", "IssueLabel"]),
    trouble: &[(Reason::BadSignature, "the secret is the signing secret on the page of this webhook, and no API key")],
    ..Provider::BASE
};

const SCHEME: SignatureScheme<'static> = SignatureScheme::hex_of_body("Linear-Signature");
const TIMESTAMP: &str = "webhookTimestamp";

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let secret = SCHEME.verify(context, secrets)?;
    let field = Json::parse(context.body()).and_then(|body| body.get(TIMESTAMP)?.integer());
    let ms = field.ok_or_else(|| Refusal::body("the body has no number webhookTimestamp"))?;
    Future::Tolerated.check(context, Unit::Milliseconds, ms)?;
    Ok(secret)
}

/// Stamps the body with the present time, then signs it.
fn sign(context: &Context, secret: &str) -> Result<Signed> {
    let body = json_edit::set(context.body(), TIMESTAMP, &context.now_ms.to_string())?;
    let request = Request { body: body.as_bytes(), ..context.request.clone() };
    let signed = SCHEME.sign(&Context { request: &request, ..*context }, secret)?;
    let body = (body.as_bytes() != context.body()).then_some(body);
    Ok(Signed { body, ..signed })
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};

    fn case() -> Case {
        let body = r#"{"action": "create", "type": "Comment", "webhookTimestamp": 5}"#;
        Case::new("linear").secret("lin_wh_test_secret").body(body).header("Linear-Delivery", "234d1a4e").signed()
    }

    #[test]
    fn the_body_is_stamped_and_the_time_checked_both_ways() {
        assert_eq!(case().event(), (Some("Comment".into()), "234d1a4e".into()));
        let limit = 8 * 3_600_000;
        case().at(NOW_MS + limit).items();
        assert_eq!(case().at(NOW_MS + limit + 1).refusal(), Reason::TimestampOutOfTolerance);
        assert_eq!(case().at(NOW_MS - limit - 1).refusal(), Reason::TimestampOutOfTolerance);
        case().options(r#"{"tolerance_s": 0}"#).at(NOW_MS + 86_400_000).items();
    }

    #[test]
    fn a_retry_is_the_same_occurrence_whether_it_is_stamped_anew_or_not() {
        let sent = |now: i64, delivery: &str, title: &str| {
            let body = format!(
                r#"{{"action": "update", "createdAt": "2026-01-01T00:00:00.000Z", "data": {{"title": "{title}"}}, "webhookTimestamp": 5}}"#
            );
            Case::new("linear").secret("lin_wh_test_secret").body(body).header("Linear-Delivery", delivery).at(now).signed()
        };
        let first = sent(NOW_MS, "d1", "a");
        let (_, key) = first.event();
        let hours = 7 * 3_600_000;
        assert_eq!(first.at(NOW_MS + hours).event().1, key, "sent again as it was");
        assert_eq!(sent(NOW_MS + hours, "d1", "a").event().1, key, "stamped and signed again");
        // A header is not signed, so it does not make a new event of a captured request.
        assert_eq!(sent(NOW_MS, "d2", "a").event().1, key);
        assert_ne!(sent(NOW_MS, "d1", "b").event().1, key);
    }

    #[test]
    fn the_time_must_be_a_number() {
        for body in [r#"{"webhookTimestamp": "1767225600000"}"#, "{}", "no json"] {
            let signature = hex::encode(crate::providers::engine::digest::Hash::Sha256.hmac(b"test-secret", &[body.as_bytes()]).bytes());
            let case = Case::new("linear").secret("test-secret").body(body).header("Linear-Signature", &signature);
            assert_eq!(case.refusal(), Reason::MalformedBody);
            assert_eq!(case.options(r#"{"tolerance_s": 0}"#).refusal(), Reason::MalformedBody);
        }
    }
}
