//! Telegram bots get a shared secret in a header.

use super::engine::context::Context;
use super::engine::event::{Batch, Event, Source};
use super::engine::json::Json;
use super::engine::token::TokenScheme;
use super::provider::{Provider, Scheme};
use super::redact::Redaction;
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Item;
use super::verdict::Reason;

pub(crate) static TELEGRAM: Provider = Provider {
    name: "telegram",
    title: "Telegram",
    docs: "https://core.telegram.org/bots/api#setwebhook",
    scheme: Scheme::Token(TokenScheme { header: "X-Telegram-Bot-Api-Secret-Token", prefix: "" }),
    // Each bot counts its updates for itself.
    event: Event { keys: &[Source::All(&[Source::Json("update_id"), Source::Digest])], batch: Batch::Custom(update), ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::SharedSecret,
        grain: Grain::Occurrence,
        note: "each bot counts for itself, so the digest tells the updates of two bots apart",
    },
    redaction: Redaction::headers(&["x-telegram-bot-api-secret-token"]),
    types: Types::All(&[
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "message_reaction",
        "message_reaction_count",
        "inline_query",
        "chosen_inline_result",
        "callback_query",
        "shipping_query",
        "pre_checkout_query",
        "purchased_paid_media",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "chat_boost",
        "removed_chat_boost",
        "managed_bot",
    ]),
    trouble: &[
        (Reason::MissingHeader, "Telegram sends the header only where setWebhook was called with secret_token"),
        (Reason::BadSignature, "the secret is the secret_token that setWebhook was called with, and not the bot's token"),
    ],
    ..Provider::BASE
};

/// An update has an id and one other field, whose name says what it is.
fn update(context: &Context) -> Option<Vec<Item>> {
    let fields = Json::parse(context.body())?.fields()?;
    let event_type = fields.iter().map(|(name, _)| name.as_str()).find(|name| *name != "update_id").map(str::to_owned);
    Some(vec![Item { event_type, ..Item::default() }])
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    #[test]
    fn the_update_id_is_the_identity_and_the_other_field_the_type() {
        let signed = Case::new("telegram").secret("test-secret").body(r#"{"update_id": 10000, "callback_query": {"id": "1"}}"#).signed();
        assert_eq!(signed.event().0.as_deref(), Some("callback_query"));
        assert!(signed.event().1.starts_with("10000:sha256:"));
        assert_eq!(signed.header("X-Telegram-Bot-Api-Secret-Token", "x").refusal(), Reason::BadSignature);
    }
}
