//! Jira Cloud, for webhooks with a secret. (Connect and Forge apps use tokens that need a key from the network.)

use super::engine::event::{Event, Source};
use super::engine::sample::Sample;
use super::engine::signature::{Form, SignatureScheme};
use super::provider::{Provider, Scheme};
use super::receiving::{MIB, Receiving};
use super::redelivery::{Grain, MINUTE, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static JIRA: Provider = Provider {
    name: "jira",
    aliases: &["jira-cloud"],
    title: "Jira Cloud",
    docs: "https://developer.atlassian.com/cloud/jira/platform/webhooks/",
    scheme: Scheme::Signature(SignatureScheme { form: Form::Prefixed("sha256="), ..SignatureScheme::hex_of_body("X-Hub-Signature") }),
    event: Event {
        types: &[Source::Json("webhookEvent")],
        // The identifier is unique within one site.
        keys: &[
            Source::All(&[IDENTIFIER, Source::Json("timestamp"), Source::Json("webhookEvent")]),
            Source::All(&[IDENTIFIER, Source::Digest]),
            Source::DigestWith(&[Source::Json("timestamp")]),
        ],
        ..Event::UNKNOWN
    },
    receiving: Receiving { largest_body: Some(25 * MIB), final_statuses: "4xx but 408, 409, 425 and 429" },
    redelivery: Redelivery {
        retries: Retries::For(75 * MINUTE),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::UnsignedHeader,
        grain: Grain::Occurrence,
        note: "five attempts, 5 to 15 min apart; the identifier is unique within one site, so the event's time and name stand beside it",
    },
    samples: &[Sample::Uuid("X-Atlassian-Webhook-Identifier")],
    types: Types::Some(&["jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "sprint_started"]),
    trouble: &[(
        Reason::MissingHeader,
        "Jira signs only where the webhook has a secret, which you choose: set one where the webhook is set up",
    )],
    ..Provider::BASE
};

const IDENTIFIER: Source = Source::Header("X-Atlassian-Webhook-Identifier");

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"webhookEvent": "jira:issue_created", "timestamp": 5, "issue": {"id": "1"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("jira").secret("test-secret").body(BODY).header("X-Atlassian-Webhook-Identifier", "w1").signed();
        assert_eq!(case.event(), (Some("jira:issue_created".into()), "w1:5:jira:issue_created".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }
}
