//! LINE signs the body, which is a batch of events. A batch without events checks the URL.

use super::engine::encoding::Encoding;
use super::engine::event::{Batch, Event, Source};
use super::engine::signature::SignatureScheme;
use super::provider::{Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static LINE: Provider = Provider {
    name: "line",
    title: "LINE",
    docs: "https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/",
    scheme: Scheme::Signature(SignatureScheme { encoding: Encoding::Base64, ..SignatureScheme::hex_of_body("x-line-signature") }),
    event: Event {
        types: &[Source::Json("type")],
        keys: &[Source::Json("webhookEventId")],
        batch: Batch::Path("events"),
        renewed: &["deliveryContext"],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Renewed,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "redelivery must be turned on; deliveryContext.isRedelivery tells it",
    },
    types: Types::All(&[
        "message",
        "unsend",
        "follow",
        "unfollow",
        "join",
        "leave",
        "memberJoined",
        "memberLeft",
        "postback",
        "videoPlayComplete",
        "beacon",
        "accountLink",
        "membership",
        "delivery",
        "module",
        "activated",
        "deactivated",
        "botSuspended",
        "botResumed",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the channel secret in the LINE Developers Console (the channel's Basic settings), and no channel access token",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    #[test]
    fn each_event_is_an_item_and_none_is_fine() {
        let body =
            r#"{"destination": "U1", "events": [{"type": "message", "webhookEventId": "01A", "deliveryContext": {"isRedelivery": true}}]}"#;
        let items = Case::new("line").secret("test-secret").body(body).signed().items();
        assert_eq!((items[0].event_type.as_deref(), items[0].key.as_deref()), (Some("message"), Some("01A")));
        let empty = Case::new("line").secret("test-secret").body(r#"{"destination": "U1", "events": []}"#).signed();
        assert_eq!(empty.items(), []);
        assert_eq!(empty.body(body).refusal(), Reason::BadSignature);
    }
}
