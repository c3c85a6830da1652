//! Stripe signs timestamp and body, once for each active secret of the endpoint.

use super::engine::event::{Event, Source};
use super::engine::signature::{Form, SignatureScheme};
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static STRIPE: Provider = Provider {
    name: "stripe",
    title: "Stripe",
    docs: "https://docs.stripe.com/webhooks#verify-manually",
    // The whole `whsec_…` text is the key: unlike Standard Webhooks it is not base64 here. `v0` is a decoy in test mode.
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Pairs { separator: ",", signature: "v1", timestamp: "t" },
        signed: &[Part::Timestamp, Part::Text("."), Part::Body],
        timestamp: Some(Timestamp { place: Place::SignatureHeader, unit: Unit::Seconds, future: Future::Passes }),
        ..SignatureScheme::hex_of_body("Stripe-Signature")
    }),
    options: &[OptionSpec::tolerance(300)],
    event: Event { types: &[Source::Json("type")], keys: &[Source::Json("id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(3 * DAY),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Renewed,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "",
    },
    types: Types::Some(&[
        "checkout.session.completed",
        "invoice.paid",
        "invoice.payment_failed",
        "customer.subscription.updated",
        "customer.subscription.deleted",
        "payment_intent.succeeded",
        "charge.refunded",
    ]),
    trouble: &[
        (
            Reason::BadSignature,
            "the secret is this endpoint's own signing secret, the whole `whsec_…` text, and no API key (`sk_…`); test mode and live mode have different ones, and `stripe listen` prints another one for what it forwards",
        ),
        (Reason::TimestampOutOfTolerance, "Stripe signs each attempt anew, so a genuine retry is never old"),
    ],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};

    const BODY: &str = "{\n  \"id\": \"evt_1\",\n  \"object\": \"event\",\n  \"data\": {\"object\": {\"id\": \"cs_1\"}},\n  \"type\": \"checkout.session.completed\"\n}";

    fn case() -> Case {
        Case::new("stripe").secret("whsec_test_secret").body(BODY).signed()
    }

    #[test]
    fn identity_and_type_are_the_event_s_own() {
        assert_eq!(case().event(), (Some("checkout.session.completed".into()), "evt_1".into()));
    }

    #[test]
    fn any_v1_counts_in_any_order_and_nothing_else() {
        let header = case().get("Stripe-Signature").to_owned();
        let (time, signature) = header.split_once(",v1=").unwrap();
        let wrong = "0".repeat(64);
        case().header("Stripe-Signature", &format!("v1={wrong},v0=x,v1={signature},{time}")).items();
        let only_v0 = format!("{time},v0={signature}");
        assert_eq!(case().header("Stripe-Signature", &only_v0).refusal(), Reason::MalformedHeader);
        let no_time = format!("v1={signature}");
        assert_eq!(case().header("Stripe-Signature", &no_time).refusal(), Reason::MalformedHeader);
        let two_times = format!("{header},t=1");
        assert_eq!(case().header("Stripe-Signature", &two_times).refusal(), Reason::MalformedHeader);
    }

    #[test]
    fn age_counts_and_the_future_passes() {
        case().at(NOW_MS + 300_999).items();
        assert_eq!(case().at(NOW_MS + 301_000).refusal(), Reason::TimestampOutOfTolerance);
        case().at(NOW_MS - 86_400_000).items();
        case().options(r#"{"tolerance_s": 0}"#).at(NOW_MS + 86_400_000).items();
    }

    #[test]
    fn the_secret_is_text() {
        let stray = Case::new("stripe").secret("whsec_test_secret ").body(BODY).header("Stripe-Signature", case().get("Stripe-Signature"));
        assert_eq!(stray.refusal(), Reason::BadSignature);
        assert!(format!("{:?}", stray.verdict().outcome).contains("white space"));
        case().secret("another").items();
    }
}
