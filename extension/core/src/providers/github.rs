//! GitHub signs the body alone. There is no timestamp, and a redelivery keeps its identity.

use super::engine::event::{Event, Source};
use super::engine::sample::Sample;
use super::engine::signature::{Form, SignatureScheme};
use super::provider::{Provider, Scheme};
use super::receiving::{MIB, Receiving};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static GITHUB: Provider = Provider {
    name: "github",
    title: "GitHub",
    docs: "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
    // The older X-Hub-Signature (SHA-1) comes along and is never looked at, so that it cannot rescue a wrong one.
    scheme: Scheme::Signature(SignatureScheme { form: Form::Prefixed("sha256="), ..SignatureScheme::hex_of_body("X-Hub-Signature-256") }),
    event: Event { types: &[Source::Header("X-GitHub-Event")], keys: &[Source::Header("X-GitHub-Delivery")], ..Event::UNKNOWN },
    receiving: Receiving::up_to(25 * MIB),
    redelivery: Redelivery {
        retries: Retries::Never,
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::UnsignedHeader,
        grain: Grain::Occurrence,
        note: "redelivered only by hand or through the API, with the same X-GitHub-Delivery",
    },
    samples: &[Sample::Text("X-GitHub-Event", "ping"), Sample::Uuid("X-GitHub-Delivery")],
    types: Types::All(&[
        "branch_protection_configuration",
        "branch_protection_rule",
        "bypass_request_push_ruleset",
        "bypass_request_secret_scanning",
        "check_run",
        "check_suite",
        "code_scanning_alert",
        "commit_comment",
        "create",
        "custom_property",
        "custom_property_promoted_to_enterprise",
        "custom_property_values",
        "delete",
        "dependabot_alert",
        "deploy_key",
        "deployment",
        "deployment_protection_rule",
        "deployment_review",
        "deployment_status",
        "discussion",
        "discussion_comment",
        "dismissal_request_code_scanning",
        "dismissal_request_dependabot",
        "dismissal_request_secret_scanning",
        "exemption_request_push_ruleset",
        "exemption_request_secret_scanning",
        "fork",
        "github_app_authorization",
        "gollum",
        "installation",
        "installation_repositories",
        "installation_target",
        "issue_comment",
        "issue_dependencies",
        "issues",
        "label",
        "marketplace_purchase",
        "member",
        "membership",
        "merge_group",
        "meta",
        "milestone",
        "org_block",
        "organization",
        "package",
        "page_build",
        "personal_access_token_request",
        "ping",
        "project",
        "project_card",
        "project_column",
        "projects_v2",
        "projects_v2_item",
        "projects_v2_status_update",
        "public",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "pull_request_review_thread",
        "push",
        "registry_package",
        "release",
        "repository",
        "repository_advisory",
        "repository_dispatch",
        "repository_import",
        "repository_ruleset",
        "repository_vulnerability_alert",
        "secret_scanning_alert",
        "secret_scanning_alert_location",
        "secret_scanning_scan",
        "security_advisory",
        "security_and_analysis",
        "sponsorship",
        "star",
        "status",
        "sub_issues",
        "team",
        "team_add",
        "watch",
        "workflow_dispatch",
        "workflow_job",
        "workflow_run",
    ]),
    trouble: &[
        (Reason::MissingHeader, "GitHub signs only where the webhook has a secret: set one in its settings"),
        (Reason::BadSignature, "the secret is the one in the settings of this webhook (of the app, for a GitHub App), and no access token"),
    ],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::super::{Item, Reason};

    const SIGNATURE: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn published() -> Case {
        Case::new("github").secret("It's a Secret to Everybody").body("Hello, World!")
    }

    #[test]
    fn the_published_example_verifies() {
        let case = published()
            .header("X-Hub-Signature-256", &format!("sha256={SIGNATURE}"))
            .header("X-GitHub-Event", "push")
            .header("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958");
        let expected = Item { event_type: Some("push".into()), key: Some("72d3162e-cc78-11e3-81ab-4c9367dc0958".into()), span: None };
        assert_eq!(case.items(), [expected]);
    }

    #[test]
    fn only_the_sha256_header_counts() {
        let sha1 = "sha1=c2c6d97ab1c4e9e5c40dd3a4b8b4ff0a1d0b8a53";
        assert_eq!(published().header("X-Hub-Signature", sha1).refusal(), Reason::MissingHeader);
        assert_eq!(published().header("X-Hub-Signature-256", sha1).refusal(), Reason::MalformedHeader);
        assert_eq!(published().header("X-Hub-Signature-256", SIGNATURE).refusal(), Reason::MalformedHeader);
        let upper = format!("sha256={}", SIGNATURE.to_uppercase());
        assert_eq!(published().header("X-Hub-Signature-256", &upper).refusal(), Reason::MalformedHeader);
        let short = format!("sha256={}", &SIGNATURE[..62]);
        assert_eq!(published().header("X-Hub-Signature-256", &short).refusal(), Reason::BadSignature);
    }

    #[test]
    fn without_a_delivery_id_each_receipt_is_a_new_event() {
        let items = published().header("X-Hub-Signature-256", &format!("sha256={SIGNATURE}")).items();
        assert_eq!(items[0].key, None);
    }
}
