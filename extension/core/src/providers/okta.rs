//! Okta event hooks carry a shared secret in a header and events in a batch.

use super::engine::context::Context;
use super::engine::event::{Batch, Event, Source};
use super::engine::refusal::Checked;
use super::engine::template::Part;
use super::engine::token::TokenScheme;
use super::options::{Kind, OptionSpec, Preset};
use super::provider::{CustomScheme, Handshake, Provider, Scheme};
use super::receiving::Receiving;
use super::redact::Redaction;
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::{Outcome, Reason, Signed, Verdict};
use crate::error::Result;
use crate::request::WebhookResponse;

pub(crate) static OKTA: Provider = Provider {
    name: "okta",
    title: "Okta event hooks",
    docs: "https://developer.okta.com/docs/concepts/event-hooks/",
    methods: &["GET", "POST"],
    scheme: Scheme::Custom(CustomScheme {
        about: "shared secret as the whole header of option header",
        headers: &["Authorization"],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    options: &[OptionSpec { name: "header", kind: Kind::Header, default: Preset::Text("Authorization") }],
    event: Event {
        types: &[Source::Json("eventType")],
        keys: &[Source::Json("uuid")],
        batch: Batch::Path("data.events"),
        ..Event::UNKNOWN
    },
    receiving: Receiving::with_final("4xx"),
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::SharedSecret,
        grain: Grain::Occurrence,
        note: "at most one further attempt, and none after a 4xx",
    },
    handshake: Handshake {
        about: "GET with X-Okta-Verification-Challenge, and no other credential than a secret: 200 with {\"verification\": value}",
        unsigned: Some(answer_challenge),
        ..Handshake::NONE
    },
    redaction: Redaction { header_option: Some("header"), ..Redaction::NONE },
    types: Types::Some(&["user.lifecycle.create", "user.lifecycle.deactivate", "user.session.start", "group.user_membership.add"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the Authentication secret of this event hook, which you choose (Workflow, Event Hooks): the whole header, also the word `Basic` where you wrote one; its Authentication field is option header",
    )],
    ..Provider::BASE
};

/// Okta sends the credential along where the hook has one. A request with another one is not Okta's, and a hook with another one would have its
/// events refused after it was told that all is well.
fn answer_challenge(context: &Context, secrets: &Secrets) -> Option<Verdict> {
    let scheme = scheme(context);
    if context.first_header(scheme.header).is_some() && secrets.usable().next().is_some() {
        scheme.verify(context, secrets).ok()?;
    }
    let challenge = context.header("X-Okta-Verification-Challenge").ok()??;
    let response = WebhookResponse::json(200, &serde_json::json!({ "verification": challenge }));
    context.is_method("GET").then_some(Verdict { outcome: Outcome::Handshake, response })
}

fn scheme<'a>(context: &Context<'a>) -> TokenScheme<'a> {
    TokenScheme { header: context.options.text("header").unwrap_or("Authorization"), prefix: "" }
}

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    scheme(context).verify(context, secrets)
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    Ok(scheme(context).sign(secret))
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    #[test]
    fn the_challenge_is_answered_as_json() {
        let case = Case::new("okta").method("GET").header("X-Okta-Verification-Challenge", "my\"challenge");
        assert_eq!(case.handshake().body, r#"{"verification":"my\"challenge"}"#);
        assert_eq!(case.method("POST").refusal(), Reason::NoSecret);
    }

    #[test]
    fn a_challenge_with_another_credential_is_refused() {
        let case = Case::new("okta").secret("test-secret").method("GET").header("X-Okta-Verification-Challenge", "abc");
        case.handshake();
        case.clone().header("Authorization", "test-secret").handshake();
        assert_eq!(case.clone().header("Authorization", "another").refusal(), Reason::BadSignature);
        let own = case.options(r#"{"header": "X-Okta"}"#).header("Authorization", "of a proxy");
        own.clone().handshake();
        assert_eq!(own.header("X-Okta", "another").refusal(), Reason::BadSignature);
    }

    #[test]
    fn each_event_is_an_item() {
        let body = r#"{"eventId": "h1", "data": {"events": [{"uuid": "u1", "eventType": "user.lifecycle.create"}, {"uuid": "u2", "eventType": "x"}]}}"#;
        let case = Case::new("okta").secret("test-secret").body(body).signed();
        let items = case.items();
        assert_eq!((items[0].event_type.as_deref(), items[1].key.as_deref()), (Some("user.lifecycle.create"), Some("u2")));
        assert_eq!(case.header("Authorization", "test").refusal(), Reason::BadSignature);
    }
}
