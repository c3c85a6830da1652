//! Postmark signs nothing: the URL carries Basic credentials, or a custom header carries a secret.

use super::basic;
use super::engine::context::Context;
use super::engine::event::{Event, Source};
use super::engine::refusal::Checked;
use super::engine::template::Part;
use super::engine::token::TokenScheme;
use super::options::{Kind, OptionSpec, Preset};
use super::provider::{CustomScheme, Provider, Reply, Scheme};
use super::receiving::{MIB, Receiving};
use super::redact::Redaction;
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::{Reason, Signed};
use crate::error::Result;

pub(crate) static POSTMARK: Provider = Provider {
    name: "postmark",
    title: "Postmark",
    docs: "https://postmarkapp.com/developer/webhooks/webhooks-overview",
    scheme: Scheme::Custom(CustomScheme {
        about: "HTTP Basic with `user:password`; or a shared secret in the custom header of option header",
        headers: &["Authorization"],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    options: &[OptionSpec { name: "header", kind: Kind::Header, default: Preset::Nothing }],
    event: Event {
        types: &[Source::Json("RecordType"), Source::Literal("Inbound")],
        keys: &[
            Source::Header("X-PM-Webhook-Trace-Id"),
            // Bounces and spam complaints have an id of their own; opens and clicks repeat, so their time belongs to them.
            Source::All(&[Source::Json("RecordType"), Source::Json("ID")]),
            Source::All(&[MESSAGE, RECORD, RECIPIENT, Source::Json("DeliveredAt")]),
            Source::All(&[MESSAGE, RECORD, RECIPIENT, Source::Json("ReceivedAt"), Source::Digest]),
            Source::All(&[MESSAGE, RECORD, RECIPIENT, Source::Json("ChangedAt"), Source::Digest]),
            Source::All(&[MESSAGE, RECORD, Source::Digest]),
            MESSAGE,
        ],
        identity: "header X-PM-Webhook-Trace-Id, else body RecordType + ID (bounces, spam complaints), else MessageID + RecordType + Recipient + time, for opens, clicks and changes of subscriptions + digest, else MessageID (inbound), else none",
        ..Event::UNKNOWN
    },
    // An inbound message has up to 35 MB of attachments, here in base64, and its texts.
    receiving: Receiving { largest_body: Some(48 * MIB), final_statuses: "4xx" },
    redelivery: Redelivery {
        retries: Retries::For(37_800),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::SharedSecret,
        grain: Grain::Occurrence,
        note: "inbound messages; about 72 min for everything else",
    },
    // Postmark takes every 4xx as final: a 401 would lose what comes while the credentials are being changed.
    failure: Reply::Text(503, "invalid credentials"),
    redaction: Redaction { header_option: Some("header"), ..Redaction::NONE },
    types: Types::All(&["Inbound", "Delivery", "Bounce", "SpamComplaint", "Open", "Click", "SubscriptionChange", "SMTPApiError"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is `user:password`, which you choose and put into this webhook's URL (`https://user:password@…`) or its Basic auth credentials; with option header it is the whole value of that custom header; a server's API token is neither",
    )],
    ..Provider::BASE
};

const MESSAGE: Source = Source::Json("MessageID");
const RECORD: Source = Source::Json("RecordType");
const RECIPIENT: Source = Source::Json("Recipient");

fn custom_header<'a>(context: &Context<'a>) -> Option<TokenScheme<'a>> {
    context.options.text("header").map(|header| TokenScheme { header, prefix: "" })
}

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    match custom_header(context) {
        Some(token) => token.verify(context, secrets),
        None => basic::verify(context, secrets),
    }
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    match custom_header(context) {
        Some(token) => Ok(token.sign(secret)),
        None => basic::sign(context, secret),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    fn case(body: &str) -> Case {
        Case::new("postmark").secret("hook:test-secret").body(body)
    }

    #[test]
    fn the_identity_is_that_of_the_record() {
        let key = |body: &str| case(body).signed().event();
        let delivery =
            r#"{"RecordType": "Delivery", "MessageID": "m1", "Recipient": "a@example.com", "DeliveredAt": "2026-01-01T00:00:00Z"}"#;
        assert_eq!(key(delivery), (Some("Delivery".into()), "m1:Delivery:a@example.com:2026-01-01T00:00:00Z".into()));
        assert_eq!(key(r#"{"RecordType": "Bounce", "MessageID": "m1", "ID": 42}"#).1, "Bounce:42");
        let open = |at: &str| format!(r#"{{"RecordType": "Open", "MessageID": "m1", "Recipient": "a", "ReceivedAt": "{at}"}}"#);
        assert_ne!(key(&open("1")).1, key(&open("2")).1);
        assert_eq!(key(r#"{"MessageID": "m2", "From": "a"}"#), (Some("Inbound".into()), "m2".into()));
        assert_eq!(case(r#"{"RecordType": "SubscriptionChange"}"#).signed().items()[0].key, None);
        let traced = case(delivery).header("X-PM-Webhook-Trace-Id", "t1").signed();
        assert_eq!(traced.event().1, "t1");
    }

    #[test]
    fn two_clicks_of_one_second_are_two_events() {
        let click = |platform: &str| {
            let body = format!(
                r#"{{"RecordType": "Click", "MessageID": "m1", "Recipient": "a", "ReceivedAt": "2026-01-01T00:00:00Z", "OriginalLink": "l", "Platform": "{platform}"}}"#
            );
            case(&body).signed().event().1
        };
        assert_eq!(click("Desktop"), click("Desktop"));
        assert_ne!(click("Desktop"), click("Mobile"));
    }

    #[test]
    fn refusals_are_503_because_each_4xx_ends_the_retries() {
        let verdict = case("{}").signed_with("hook:wrong").verdict();
        assert_eq!(verdict.response.status, 503);
        assert_eq!(case("{}").refusal(), Reason::MissingHeader);
    }

    #[test]
    fn a_custom_header_can_carry_the_secret() {
        let custom = case("{}").options(r#"{"header": "X-Postmark-Token"}"#).secret("test-secret").signed();
        custom.items();
        assert_eq!(custom.header("X-Postmark-Token", "x").refusal(), Reason::BadSignature);
    }
}
