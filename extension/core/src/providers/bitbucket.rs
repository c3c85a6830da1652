//! Bitbucket Cloud signs the body. Its header has the name of GitHub's older one and holds SHA-256.

use super::engine::event::{Event, Source};
use super::engine::sample::Sample;
use super::engine::signature::{Form, SignatureScheme};
use super::provider::{Provider, Scheme};
use super::receiving::Receiving;
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static BITBUCKET: Provider = Provider {
    name: "bitbucket",
    aliases: &["bitbucket-cloud"],
    title: "Bitbucket Cloud",
    docs: "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
    scheme: Scheme::Signature(SignatureScheme { form: Form::Prefixed("sha256="), ..SignatureScheme::hex_of_body("X-Hub-Signature") }),
    event: Event {
        types: &[EVENT],
        // Bitbucket does not say that two events never share a request's id.
        keys: &[Source::All(&[Source::Header("X-Request-UUID"), EVENT]), Source::Header("X-Request-UUID")],
        ..Event::UNKNOWN
    },
    receiving: Receiving { largest_body: Some(256 * 1024), final_statuses: "4xx" },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::UnsignedHeader,
        grain: Grain::Occurrence,
        note: "two more attempts after a timeout or a 5xx; X-Attempt-Number counts them",
    },
    samples: &[Sample::Text("X-Event-Key", "repo:push"), Sample::Uuid("X-Request-UUID")],
    types: Types::All(&[
        "repo:push",
        "repo:fork",
        "repo:updated",
        "repo:transfer",
        "repo:deleted",
        "repo:imported",
        "repo:commit_comment_created",
        "repo:commit_status_created",
        "repo:commit_status_updated",
        "issue:created",
        "issue:updated",
        "issue:comment_created",
        "pullrequest:created",
        "pullrequest:updated",
        "pullrequest:push",
        "pullrequest:changes_request_created",
        "pullrequest:changes_request_removed",
        "pullrequest:approved",
        "pullrequest:unapproved",
        "pullrequest:fulfilled",
        "pullrequest:rejected",
        "pullrequest:comment_created",
        "pullrequest:comment_updated",
        "pullrequest:comment_deleted",
        "pullrequest:comment_resolved",
        "pullrequest:comment_reopened",
        "project:updated",
    ]),
    trouble: &[(
        Reason::MissingHeader,
        "Bitbucket signs only where the webhook has a secret, which you choose: set one where the webhook is set up",
    )],
    ..Provider::BASE
};

const EVENT: Source = Source::Header("X-Event-Key");

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"push": {}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("bitbucket")
            .secret("test-secret")
            .body(BODY)
            .header("X-Event-Key", "repo:push")
            .header("X-Request-UUID", "u1")
            .signed();
        assert_eq!(case.event(), (Some("repo:push".into()), "u1:repo:push".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }

    #[test]
    fn sha1_is_not_taken() {
        let case = Case::new("bitbucket").secret("test-secret").header("X-Hub-Signature", &format!("sha1={}", "0".repeat(40)));
        assert_eq!(case.refusal(), Reason::MalformedHeader);
    }
}
