//! SendGrid's signed event webhook: ECDSA over timestamp and body, which is an array of events.

use super::engine::algorithm::Algorithm;
use super::engine::encoding::{Encoding, KeyForm};
use super::engine::event::{Batch, Event, Source};
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static SENDGRID: Provider = Provider {
    name: "sendgrid",
    aliases: &["twilio-sendgrid"],
    title: "SendGrid",
    docs: "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
    scheme: Scheme::Signature(SignatureScheme {
        algorithm: Algorithm::EcdsaP256,
        encoding: Encoding::Base64,
        signed: &[Part::Timestamp, Part::Body],
        key: KeyForm::Pem,
        timestamp: Some(Timestamp {
            place: Place::Header("X-Twilio-Email-Event-Webhook-Timestamp"),
            unit: Unit::Seconds,
            future: Future::Tolerated,
        }),
        ..SignatureScheme::hex_of_body("X-Twilio-Email-Event-Webhook-Signature")
    }),
    // Retries go on for a day and nobody says that they are signed anew, so no age is too great by default.
    options: &[OptionSpec::tolerance(0)],
    event: Event {
        types: &[Source::Json("event")],
        keys: &[Source::Json("sg_event_id"), Source::DigestWith(&[Source::Json("timestamp")])],
        batch: Batch::Body,
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(DAY),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Unknown,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "",
    },
    types: Types::All(&[
        "processed",
        "deferred",
        "delivered",
        "dropped",
        "bounce",
        "open",
        "click",
        "spamreport",
        "unsubscribe",
        "group_unsubscribe",
        "group_resubscribe",
        "account_status_change",
    ]),
    trouble: &[
        (Reason::MissingHeader, "SendGrid signs only where the signed event webhook is switched on"),
        (Reason::BadSignature, "the secret is the verification key (a public key) of the signed event webhook"),
    ],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, NOW_MS};
    use super::super::{Item, Reason};

    const PRIVATE: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    const PUBLIC: &str =
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==";
    const BODY: &str = "[{\"event\":\"delivered\",\"sg_event_id\":\"e1\"},{\"event\":\"open\",\"sg_event_id\":\"e2\"}]\r\n";

    fn case() -> Case {
        Case::new("sendgrid").secret(PUBLIC).body(BODY).signed_with(PRIVATE)
    }

    #[test]
    fn each_event_of_the_batch_is_an_item() {
        let item = |event: &str, key: &str, span| Item { event_type: Some(event.into()), key: Some(key.into()), span: Some(span) };
        assert_eq!(case().items(), [item("delivered", "e1", 1..41), item("open", "e2", 42..77)]);
    }

    #[test]
    fn the_line_end_is_signed_and_age_does_not_count() {
        assert_eq!(case().body(BODY.trim_end()).refusal(), Reason::BadSignature);
        case().at(NOW_MS + 86_400_000).items();
        let strict = case().options(r#"{"tolerance_s": 600}"#).at(NOW_MS + 601_000);
        assert_eq!(strict.refusal(), Reason::TimestampOutOfTolerance);
        assert_eq!(case().header("X-Twilio-Email-Event-Webhook-Timestamp", "1").refusal(), Reason::BadSignature);
    }

    #[test]
    fn keys_may_wear_armour_and_must_be_keys() {
        let armoured = format!("-----BEGIN PUBLIC KEY-----\n{PUBLIC}\n-----END PUBLIC KEY-----\n");
        Case::new("sendgrid").secret(&armoured).body(BODY).signed_with(PRIVATE).items();
        assert_eq!(Case::new("sendgrid").secret("test-secret").body(BODY).signed_with(PRIVATE).refusal(), Reason::NoSecret);
    }
}
