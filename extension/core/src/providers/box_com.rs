//! Box signs body and time with two keys, each in a header of its own. Either is enough.

use super::engine::context::Context;
use super::engine::encoding::Encoding;
use super::engine::event::{Event, Source};
use super::engine::refusal::Checked;
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{CustomScheme, Provider, Scheme};
use super::redelivery::{Grain, HOUR, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::Signed;
use crate::error::Result;

pub(crate) static BOX: Provider = Provider {
    name: "box",
    title: "Box",
    docs: "https://developer.box.com/guides/webhooks/v2/signatures-v2/",
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC-SHA-256 over `{body}{timestamp}`, base64, with a primary and a secondary key",
        headers: &["BOX-DELIVERY-TIMESTAMP", "BOX-SIGNATURE-PRIMARY", "BOX-SIGNATURE-SECONDARY"],
        signed: PRIMARY.signed,
        verify,
        sign,
    }),
    options: &[OptionSpec::tolerance(600)],
    // The delivery id in the header changes with each attempt, the id in the body does not.
    event: Event { types: &[Source::Json("trigger")], keys: &[Source::Json("id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(2 * HOUR),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Renewed,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "BOX-DELIVERY-ID and the time of sending are others for each attempt, the id in the body is not",
    },
    samples: &[Sample::Uuid("BOX-DELIVERY-ID")],
    types: Types::Some(&["FILE.UPLOADED", "FILE.DOWNLOADED", "FILE.DELETED", "FOLDER.CREATED", "COMMENT.CREATED"]),
    trouble: &[(Reason::BadSignature, "the primary or secondary signature key of the app signs, and not its client secret")],
    ..Provider::BASE
};

const PRIMARY: SignatureScheme<'static> = SignatureScheme {
    encoding: Encoding::Base64,
    signed: &[Part::Body, Part::Timestamp],
    timestamp: Some(Timestamp { place: Place::Header("BOX-DELIVERY-TIMESTAMP"), unit: Unit::Iso8601, future: Future::Passes }),
    ..SignatureScheme::hex_of_body("BOX-SIGNATURE-PRIMARY")
};

const SECONDARY: SignatureScheme<'static> = SignatureScheme { header: "BOX-SIGNATURE-SECONDARY", ..PRIMARY };

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let first = PRIMARY.verify(context, secrets);
    if first.is_ok() || context.first_header(SECONDARY.header).is_none() {
        return first;
    }
    // Box signs with both keys at once: this is rotation, not a weaker scheme.
    first.or_else(|refused| SECONDARY.verify(context, secrets).map_err(|other| refused.or(other)))
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    PRIMARY.sign(context, secret)
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};

    fn case() -> Case {
        let body = r#"{"type": "webhook_event", "id": "eb0c4e06", "trigger": "FILE.UPLOADED", "webhook": {"id": "53"}}"#;
        Case::new("box").secret("test-secret").body(body).signed()
    }

    #[test]
    fn the_published_example_verifies() {
        let body = r#"{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"Test.txt"}}"#;
        let case = Case::new("box")
            .secret("SamplePrimaryKey")
            .secret("SampleSecondaryKey")
            .body(body)
            .options(r#"{"tolerance_s": 0}"#)
            .header("BOX-DELIVERY-TIMESTAMP", "2020-01-01T00:00:00-07:00")
            .header("BOX-SIGNATURE-PRIMARY", "6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI=")
            .header("BOX-SIGNATURE-SECONDARY", "v+1CD1Jdo3muIcbpv5lxxgPglOqMfsNHPV899xWYydo=");
        case.items();
        case.clone().header("BOX-SIGNATURE-PRIMARY", "AAAA").items();
        case.clone().header("BOX-SIGNATURE-SECONDARY", "AAAA").items();
        assert_eq!(case.header("BOX-SIGNATURE-PRIMARY", "AAAA").header("BOX-SIGNATURE-SECONDARY", "AAAA").refusal(), Reason::BadSignature);
    }

    #[test]
    fn the_body_s_id_is_the_identity() {
        assert_eq!(case().event(), (Some("FILE.UPLOADED".into()), "eb0c4e06".into()));
        case().at(NOW_MS + 600_000).items();
        assert_eq!(case().at(NOW_MS + 600_001).refusal(), Reason::TimestampOutOfTolerance);
    }

    #[test]
    fn an_old_signature_of_the_second_key_is_old() {
        let signed = case().signed();
        let second = signed.get("BOX-SIGNATURE-PRIMARY").to_owned();
        let other = case().secret("other").signed().get("BOX-SIGNATURE-PRIMARY").to_owned();
        let old = signed.header("BOX-SIGNATURE-SECONDARY", &second).header("BOX-SIGNATURE-PRIMARY", &other);
        old.items();
        assert_eq!(old.at(NOW_MS + 601_000).refusal(), Reason::TimestampOutOfTolerance);
    }
}
