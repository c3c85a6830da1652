//! Figma puts a shared passcode into the body.

use super::engine::context::Context;
use super::engine::digest::Digest;
use super::engine::event::{Event, Source};
use super::engine::json::Json;
use super::engine::json_edit;
use super::engine::refusal::{Checked, Refusal};
use super::engine::template::Part;
use super::provider::{CustomScheme, Provider, Scheme};
use super::redact::Redaction;
use super::redelivery::{Grain, HOUR, MINUTE, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::{Reason, Signed};
use crate::error::Result;

pub(crate) static FIGMA: Provider = Provider {
    name: "figma",
    title: "Figma",
    docs: "https://developers.figma.com/docs/rest-api/webhooks-security/",
    scheme: Scheme::Custom(CustomScheme {
        about: "shared passcode in the body's field passcode",
        headers: &[],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    event: Event {
        types: &[Source::Json("event_type")],
        keys: &[
            Source::All(&[WEBHOOK, EVENT, TIME, Source::Json("comment_id"), Source::Digest]),
            Source::All(&[WEBHOOK, EVENT, TIME, Source::Json("file_key"), Source::Digest]),
            Source::All(&[WEBHOOK, EVENT, TIME, Source::Digest]),
        ],
        // A digest of the passcode would let others try passcodes.
        renewed: &["passcode", "retries"],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(3 * HOUR + 35 * MINUTE),
        body: Repeat::Renewed,
        id: Repeat::Absent,
        timestamp: Repeat::Absent,
        proof: Proof::SharedSecret,
        grain: Grain::Second,
        note: "one publish sends a LIBRARY_PUBLISH for each kind of asset, all of one second",
    },
    redaction: Redaction { body: &["passcode"], ..Redaction::NONE },
    types: Types::All(&[
        "PING",
        "FILE_UPDATE",
        "FILE_VERSION_UPDATE",
        "FILE_DELETE",
        "FILE_COMMENT",
        "LIBRARY_PUBLISH",
        "DEV_MODE_STATUS_UPDATE",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the passcode that you chose when the webhook was created, and no access token; Figma's API does not tell it again",
    )],
    ..Provider::BASE
};

const WEBHOOK: Source = Source::Json("webhook_id");
const EVENT: Source = Source::Json("event_type");
const TIME: Source = Source::Json("timestamp");

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let given = Json::parse(context.body()).and_then(|body| body.get("passcode")?.string());
    let given = given.ok_or_else(|| Refusal::body("the body has no field passcode"))?;
    let matching = secrets.usable().find(|secret| Digest::of_token(secret).matches_token(&given));
    matching.ok_or_else(|| Refusal::new(Reason::BadSignature, "the passcode is not one of the secrets"))
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    let passcode = serde_json::Value::from(secret).to_string();
    Ok(Signed { body: Some(json_edit::set(context.body(), "passcode", &passcode)?), ..Signed::default() })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::super::{Options, find};
    use super::*;

    #[test]
    fn the_passcode_is_compared_and_never_stored() {
        let body = r#"{"event_type": "FILE_UPDATE", "file_key": "f1", "timestamp": "t", "webhook_id": "7"}"#;
        let signed = Case::new("figma").secret("test \"secret\"").body(body).signed();
        let (event_type, key) = signed.event();
        assert_eq!(event_type.as_deref(), Some("FILE_UPDATE"));
        assert!(key.starts_with("7:FILE_UPDATE:t:f1:sha256:"));
        let redacted = find("figma").unwrap().redact(&Options::default(), &signed.request()).body.into_owned();
        assert_eq!(redacted, format!(r#"{{"passcode":"[redacted]",{}"#, &body[1..]).into_bytes());
        assert_eq!(Case::new("figma").secret("other").body(signed.request().body).refusal(), Reason::BadSignature);
        assert_eq!(Case::new("figma").secret("other").body(body).refusal(), Reason::MalformedBody);
    }

    #[test]
    fn the_key_tells_contents_apart_and_nothing_of_the_passcode() {
        let key = |passcode: &str, rest: &str| {
            let body = format!(r#"{{"event_type": "LIBRARY_PUBLISH", "file_key": "f1", "timestamp": "t", "webhook_id": "7", {rest}}}"#);
            Case::new("figma").secret(passcode).body(body).signed().event().1
        };
        let components = key("a", r#""modified_components": [{"key": "c9"}], "retries": 0"#);
        assert_ne!(components, key("a", r#""modified_styles": [{"key": "s4"}], "retries": 0"#));
        assert_eq!(components, key("b", r#""modified_components": [{"key": "c9"}], "retries": 2"#));
    }
}
