//! Twitch EventSub signs message id, time and body, and its challenge too. Drops come in batches.

use std::borrow::Cow;

use super::engine::context::Context;
use super::engine::event::{Batch, Event, Source};
use super::engine::json::Json;
use super::engine::sample::Sample;
use super::engine::signature::{Form, SignatureScheme};
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Handshake, Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Item;
use super::verdict::Reason;
use crate::request::WebhookResponse;

pub(crate) static TWITCH: Provider = Provider {
    name: "twitch",
    aliases: &["twitch-eventsub"],
    title: "Twitch EventSub",
    docs: "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/",
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Prefixed("sha256="),
        signed: &[Part::Header(MESSAGE_ID), Part::Timestamp, Part::Body],
        timestamp: Some(Timestamp {
            place: Place::Header("Twitch-Eventsub-Message-Timestamp"),
            unit: Unit::Iso8601,
            future: Future::Passes,
        }),
        ..SignatureScheme::hex_of_body("Twitch-Eventsub-Message-Signature")
    }),
    options: &[OptionSpec::tolerance(600)],
    event: Event {
        types: &[Source::Json("subscription.type"), Source::Header("Twitch-Eventsub-Subscription-Type")],
        keys: &[Source::Header(MESSAGE_ID)],
        batch: Batch::Custom(items),
        identity: "header Twitch-Eventsub-Message-Id; of each of a batch of events: id",
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Unknown,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "",
    },
    handshake: Handshake {
        about: "signed webhook_callback_verification: 200 with the challenge as text",
        signed: Some(answer_challenge),
        ..Handshake::NONE
    },
    samples: &[Sample::Uuid(MESSAGE_ID), Sample::Text(MESSAGE_TYPE, "notification")],
    types: Types::Some(&[
        "channel.follow",
        "channel.subscribe",
        "channel.cheer",
        "stream.online",
        "stream.offline",
        "drop.entitlement.grant",
        "revocation",
    ]),
    trouble: &[(Reason::BadSignature, "the secret is the one that this subscription was made with: an older subscription keeps its own")],
    ..Provider::BASE
};

const MESSAGE_ID: &str = "Twitch-Eventsub-Message-Id";
const MESSAGE_TYPE: &str = "Twitch-Eventsub-Message-Type";

fn answer_challenge(context: &Context, _: &str) -> Option<WebhookResponse> {
    if context.first_header(MESSAGE_TYPE)? != "webhook_callback_verification" {
        return None;
    }
    Some(WebhookResponse::text(200, Json::parse(context.body())?.get("challenge")?.string()?))
}

/// A batch of events, or the end of a subscription; anything else is one event.
fn items(context: &Context) -> Option<Vec<Item>> {
    let body = Json::parse(context.body())?;
    // Alone: most have it, and the others are then not looked for.
    if body.get("event").is_some() {
        return None;
    }
    let [subscription_type, events] = body.get_each(["subscription.type", "events"]);
    match events.and_then(Json::elements) {
        Some(events) if events.is_empty() || events.iter().any(|event| event.is_object()) => {
            Some(batch(context, subscription_type, &events))
        }
        _ => revocation(context),
    }
}

/// Drops are granted in batches, and each has an id of its own; the message's is that of the batch.
fn batch(context: &Context, subscription_type: Option<Json>, events: &[Json]) -> Vec<Item> {
    let message = context.first_header(MESSAGE_ID).unwrap_or_default();
    let event_type = subscription_type.and_then(Json::string).map(Cow::into_owned);
    let granted = events.iter().enumerate().filter(|(_, event)| event.is_object());
    let item = |(place, event): (usize, &Json)| {
        let id = event.get("id").and_then(Json::text).filter(|id| !id.is_empty()).map(Cow::into_owned);
        let key = id.unwrap_or_else(|| format!("{message}:{place}"));
        Item { event_type: event_type.clone(), key: Some(key), span: Some(event.span_in(context.body())) }
    };
    granted.map(item).collect()
}

/// The end of a subscription is no event of it. The header that says so is not signed, so the signed body must agree: it has no event.
fn revocation(context: &Context) -> Option<Vec<Item>> {
    let is_revoked = context.first_header(MESSAGE_TYPE) == Some("revocation");
    let key = context.first_header(MESSAGE_ID).map(str::to_owned);
    is_revoked.then(|| vec![Item { event_type: Some("revocation".into()), key, span: None }])
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};

    fn case(body: &str) -> Case {
        Case::new("twitch").secret("test-secret").header("Twitch-Eventsub-Message-Id", "m1").body(body)
    }

    #[test]
    fn notifications_and_revocations_are_told_apart() {
        let event = case(r#"{"subscription": {"type": "channel.follow"}, "event": {"user_id": "1"}}"#).signed();
        assert_eq!(event.event(), (Some("channel.follow".into()), "m1".into()));
        let forged = event.clone().header("Twitch-Eventsub-Message-Type", "revocation");
        assert_eq!(forged.event().0.as_deref(), Some("channel.follow"));
        let revoked = case(r#"{"subscription": {"type": "channel.follow", "status": "user_removed"}}"#);
        let revoked = revoked.header("Twitch-Eventsub-Message-Type", "revocation").signed();
        assert_eq!(revoked.event(), (Some("revocation".into()), "m1".into()));
        assert_eq!(event.clone().header("Twitch-Eventsub-Message-Id", "m2").refusal(), Reason::BadSignature);
        event.clone().at(NOW_MS + 600_000).items();
        assert_eq!(event.at(NOW_MS + 600_001).refusal(), Reason::TimestampOutOfTolerance);
    }

    #[test]
    fn each_drop_of_a_batch_has_its_own_identity() {
        let body =
            r#"{"subscription": {"type": "drop.entitlement.grant"}, "events": [{"id": "d1", "data": {}}, 7, {"id": "d2"}, {"data": {}}]}"#;
        let items = case(body).signed().items();
        let keys: Vec<_> = items.iter().map(|item| item.key.as_deref().unwrap()).collect();
        assert_eq!(keys, ["d1", "d2", "m1:3"]);
        assert_eq!(items[0].event_type.as_deref(), Some("drop.entitlement.grant"));
        assert_eq!(&body[items[1].span.clone().unwrap()], r#"{"id": "d2"}"#);
    }

    #[test]
    fn the_challenge_is_answered_only_when_signed() {
        let challenge = case(r#"{"challenge": "pogchamp-kappa"}"#).header("Twitch-Eventsub-Message-Type", "webhook_callback_verification");
        assert_eq!(challenge.clone().signed().handshake().body, "pogchamp-kappa");
        assert_eq!(challenge.refusal(), Reason::MissingHeader);
    }
}
