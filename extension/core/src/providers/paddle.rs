//! Paddle Billing signs timestamp and body, joined by a colon, in a header whose parts are separated by semicolons.

use super::engine::event::{Event, Source};
use super::engine::signature::{Form, SignatureScheme};
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static PADDLE: Provider = Provider {
    name: "paddle",
    aliases: &["paddle-billing"],
    title: "Paddle",
    docs: "https://developer.paddle.com/webhooks/signature-verification",
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Pairs { separator: ";", signature: "h1", timestamp: "ts" },
        signed: &[Part::Timestamp, Part::Text(":"), Part::Body],
        timestamp: Some(Timestamp { place: Place::SignatureHeader, unit: Unit::Seconds, future: Future::Tolerated }),
        ..SignatureScheme::hex_of_body("Paddle-Signature")
    }),
    // Paddle's own libraries allow 5 s by default, which a clock that is a little wrong or a slow way exceeds, with each attempt again. As the
    // identity is signed, a copy within this time is a duplicate.
    options: &[OptionSpec::tolerance(300)],
    // A replay makes a new notification of the same event, so the event's id is the identity.
    event: Event { types: &[Source::Json("event_type")], keys: &[Source::Json("event_id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(3 * DAY),
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Renewed,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "its own library refuses timestamps older than 5 s, so attempts must be signed anew",
    },
    types: Types::Some(&[
        "transaction.completed",
        "transaction.paid",
        "subscription.created",
        "subscription.updated",
        "subscription.canceled",
        "customer.created",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the key of this notification destination (`pdl_ntfset_…`), and no API key; sandbox and live have different ones",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};

    fn case() -> Case {
        let body = r#"{"event_id": "evt_1", "event_type": "transaction.completed", "notification_id": "ntf_1"}"#;
        Case::new("paddle").secret("pdl_ntfset_test_secret").body(body).signed()
    }

    #[test]
    fn the_event_id_is_the_identity() {
        assert_eq!(case().event(), (Some("transaction.completed".into()), "evt_1".into()));
    }

    #[test]
    fn any_h1_counts() {
        let header = case().get("Paddle-Signature").to_owned();
        let wrong = "0".repeat(64);
        case().header("Paddle-Signature", &format!("{header};h1={wrong}")).items();
        case().header("Paddle-Signature", &header.replace(";h1", &format!(";h1={wrong};h1"))).items();
        assert_eq!(case().header("Paddle-Signature", &header.replace(';', ",")).refusal(), Reason::MalformedHeader);
    }

    #[test]
    fn a_clock_may_be_five_minutes_off() {
        case().at(NOW_MS + 300_000).items();
        assert_eq!(case().at(NOW_MS + 301_000).refusal(), Reason::TimestampOutOfTolerance);
        assert_eq!(case().at(NOW_MS - 301_000).refusal(), Reason::TimestampOutOfTolerance);
        assert_eq!(case().options(r#"{"tolerance_s": 5}"#).at(NOW_MS + 6_000).refusal(), Reason::TimestampOutOfTolerance);
    }
}
