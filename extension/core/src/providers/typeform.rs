//! Typeform signs the body, in base64 after a prefix that others use before hex.

use super::engine::encoding::Encoding;
use super::engine::event::{Event, Source};
use super::engine::signature::{Form, SignatureScheme};
use super::provider::{Provider, Scheme};
use super::redelivery::{Grain, HOUR, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static TYPEFORM: Provider = Provider {
    name: "typeform",
    title: "Typeform",
    docs: "https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Prefixed("sha256="),
        encoding: Encoding::Base64,
        ..SignatureScheme::hex_of_body("Typeform-Signature")
    }),
    event: Event { types: &[Source::Json("event_type")], keys: &[Source::Json("event_id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(10 * HOUR),
        body: Repeat::Unknown,
        id: Repeat::Unknown,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "",
    },
    types: Types::All(&["form_response", "form_response_partial"]),
    trouble: &[(
        Reason::MissingHeader,
        "Typeform signs only where the webhook has a secret, which you choose: set one where the webhook is set up",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"event_id": "e1", "event_type": "form_response", "form_response": {}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("typeform").secret("test-secret").body(BODY).signed();
        assert_eq!(case.event(), (Some("form_response".into()), "e1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }
}
