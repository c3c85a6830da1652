//! PagerDuty (version 3 webhooks) signs the body, once for each active secret.

use super::engine::event::{Event, Source};
use super::engine::signature::{Form, SignatureScheme};
use super::provider::{Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static PAGERDUTY: Provider = Provider {
    name: "pagerduty",
    title: "PagerDuty",
    docs: "https://developer.pagerduty.com/docs/verifying-webhook-signatures",
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Pairs { separator: ",", signature: "v1", timestamp: "" },
        ..SignatureScheme::hex_of_body("X-PagerDuty-Signature")
    }),
    event: Event { types: &[Source::Json("event.event_type")], keys: &[Source::Json("event.id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "",
    },
    types: Types::Some(&["incident.triggered", "incident.acknowledged", "incident.resolved", "incident.escalated", "service.updated"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the one that was shown once, when this webhook was created (Integrations, Generic Webhooks), and no API key",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"event": {"id": "01E", "event_type": "incident.triggered", "data": {"id": "P1"}}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("pagerduty").secret("test-secret").body(BODY).signed();
        assert_eq!(case.event(), (Some("incident.triggered".into()), "01E".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }

    #[test]
    fn any_signature_of_the_list_counts() {
        let case = Case::new("pagerduty").secret("test-secret").body(BODY).signed();
        let good = case.get("X-PagerDuty-Signature").to_owned();
        case.clone().header("X-PagerDuty-Signature", &format!("v1={},{good}", "0".repeat(64))).items();
        assert_eq!(case.header("X-PagerDuty-Signature", &good.replace("v1", "v2")).refusal(), Reason::MalformedHeader);
    }
}
