//! DocuSign Connect signs the body once for each active key, in numbered headers.

use super::engine::encoding::Encoding;
use super::engine::event::{Event, Source};
use super::engine::signature::{Form, SignatureScheme};
use super::provider::{Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static DOCUSIGN: Provider = Provider {
    name: "docusign",
    title: "DocuSign Connect",
    docs: "https://developers.docusign.com/platform/webhooks/connect/hmac/",
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Numbered,
        encoding: Encoding::Base64,
        ..SignatureScheme::hex_of_body("X-DocuSign-Signature")
    }),
    event: Event {
        types: &[Source::Json("event")],
        keys: &[Source::All(&[EVENT, ENVELOPE, RECIPIENT, GENERATED]), Source::All(&[EVENT, ENVELOPE, GENERATED])],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Renewed,
        id: Repeat::Absent,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "generatedDateTime is in ten-millionths of a second; retryCount counts the attempts",
    },
    types: Types::Some(&[
        "envelope-sent",
        "envelope-delivered",
        "envelope-completed",
        "envelope-declined",
        "envelope-voided",
        "recipient-completed",
    ]),
    trouble: &[
        (Reason::MissingHeader, "DocuSign signs only where the Connect configuration includes an HMAC signature"),
        (Reason::BadSignature, "the secret is one of the account's Connect keys; demo and production have different ones"),
    ],
    ..Provider::BASE
};

const EVENT: Source = Source::Json("event");
const ENVELOPE: Source = Source::Json("data.envelopeId");
const RECIPIENT: Source = Source::Json("data.recipientId");
// A retry counts itself in the body and keeps the time at which the message was made.
const GENERATED: Source = Source::Json("generatedDateTime");

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"event": "envelope-completed", "retryCount": 1, "generatedDateTime": "t1", "data": {"envelopeId": "e1"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("docusign").secret("test-secret").body(BODY).signed();
        assert_eq!(case.event(), (Some("envelope-completed".into()), "envelope-completed:e1:t1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
        // Without the time nothing tells one sending of an envelope from the next.
        let timeless = Case::new("docusign")
            .secret("test-secret")
            .body(r#"{"event": "envelope-sent", "retryCount": 1, "data": {"envelopeId": "e1"}}"#);
        assert_eq!(timeless.signed().items()[0].key, None);
    }

    #[test]
    fn any_numbered_header_counts() {
        let case = Case::new("docusign").secret("test-secret").body(BODY).signed();
        let good = case.get("X-DocuSign-Signature-1").to_owned();
        let moved = case.header("X-DocuSign-Signature-1", "AAAA").header("X-DocuSign-Signature-12", &good);
        moved.items();
        assert_eq!(moved.header("X-DocuSign-Signature-12", "AAAA").refusal(), Reason::BadSignature);
        let unnumbered = Case::new("docusign").secret("test-secret").body(BODY).header("X-DocuSign-Signature-x", &good);
        assert_eq!(unnumbered.refusal(), Reason::MissingHeader);
    }
}
