//! Meta (Facebook, Instagram, WhatsApp, Messenger) signs the body as it is on the wire, escapes and all, and batches what happened.

use std::borrow::Cow;

use super::engine::context::Context;
use super::engine::digest::{Digest, sha256_hex};
use super::engine::event::{Batch, Event};
use super::engine::form;
use super::engine::json::Json;
use super::engine::signature::{Form, SignatureScheme};
use super::options::OptionSpec;
use super::provider::{Handshake, Provider, Scheme};
use super::redact::Redaction;
use super::secrets::Secrets;
use super::verdict::{Item, Outcome, Reason, Verdict};
use crate::request::Response;

pub(crate) static META: Provider = Provider {
    name: "meta",
    aliases: &["facebook", "instagram", "whatsapp", "messenger"],
    title: "Meta",
    docs: "https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
    // The older X-Hub-Signature (SHA-1) comes along and is never looked at.
    scheme: Scheme::Signature(SignatureScheme { form: Form::Prefixed("sha256="), ..SignatureScheme::hex_of_body("X-Hub-Signature-256") }),
    options: &[OptionSpec::VERIFY_TOKEN],
    event: Event {
        batch: Batch::Custom(items),
        identity: "of each change or message: message id (with its status), else who, what and when with the SHA-256 of it",
        ..Event::UNKNOWN
    },
    handshake: Handshake {
        about: "GET hub.mode=subscribe: 200 with hub.challenge where hub.verify_token is the option verify_token, else 403",
        unsigned: Some(subscribe),
        ..Handshake::NONE
    },
    redaction: Redaction { query: &["hub.verify_token"], ..Redaction::NONE },
    ..Provider::BASE
};

fn subscribe(context: &Context, _: &Secrets) -> Option<Verdict> {
    let parameter = |name| form::value(context.request.query().as_bytes(), name);
    if !context.is_method("GET") || parameter("hub.mode")? != "subscribe" {
        return None;
    }
    let refuse = |detail: &str| Verdict {
        outcome: Outcome::Refused { reason: Reason::NotAllowed, detail: detail.into() },
        response: Response::text(403, "forbidden"),
    };
    let Some(expected) = context.options.text("verify_token") else {
        return Some(refuse("a subscription was asked for and the option verify_token is not set"));
    };
    let given = parameter("hub.verify_token").unwrap_or_default();
    if !Digest::of_token(expected).matches_token(&given) {
        return Some(refuse("hub.verify_token is not the option verify_token"));
    }
    let response = Response::text(200, parameter("hub.challenge").unwrap_or_default());
    Some(Verdict { outcome: Outcome::Handshake, response })
}

/// One item for each change and each message of each entry.
fn items(context: &Context) -> Option<Vec<Item>> {
    let [object, entries] = Json::parse(context.body())?.get_each(["object", "entry"]);
    let (object, entries) = (object?.string()?, entries?.elements()?);
    let mut items = Vec::new();
    for entry in entries {
        let [id, time, changes, messaging, standby] = entry.get_each(["id", "time", "changes", "messaging", "standby"]);
        let owner = format!("{}:{}", text(id), text(time));
        items.extend(elements(changes).map(|change| change_item(context, &object, &owner, change)));
        items.extend(elements(messaging).chain(elements(standby)).map(|message| message_item(context, &object, message)));
    }
    // A form of entry that we do not know is still an authentic occurrence.
    if items.is_empty() { None } else { Some(items) }
}

fn text(value: Option<Json<'_>>) -> Cow<'_, str> {
    value.and_then(Json::text).unwrap_or_default()
}

fn elements(list: Option<Json<'_>>) -> impl Iterator<Item = Json<'_>> {
    list.and_then(Json::elements).unwrap_or_default().into_iter()
}

fn change_item(context: &Context, object: &str, owner: &str, change: Json) -> Item {
    let [field, messages, statuses] = change.get_each(["field", "value.messages", "value.statuses"]);
    let field = field.and_then(Json::string).unwrap_or_default();
    let key = whatsapp_key(messages, statuses).unwrap_or_else(|| format!("{owner}:{field}:{}", &sha256_hex(&[change.bytes()])[..32]));
    Item { event_type: Some(format!("{object}.{field}")), key: Some(key), span: Some(change.span_in(context.body())) }
}

/// The ids of the messages, or of the statuses with what they say: one message passes through several.
fn whatsapp_key(messages: Option<Json>, statuses: Option<Json>) -> Option<String> {
    let mut ids = Vec::new();
    for message in elements(messages) {
        ids.push(message.get("id")?.string()?.into_owned());
    }
    for status in elements(statuses) {
        let [id, status] = status.get_each(["id", "status"]);
        ids.push(format!("{}:{}", id?.string()?, status?.string()?));
    }
    (!ids.is_empty()).then(|| ids.join(","))
}

/// What a Messenger or Instagram entry can hold. A message has an id; everything else is told by who, when and about which message.
const MESSAGE_KINDS: [&str; 14] = [
    "message",
    "message_edit",
    "postback",
    "reaction",
    "read",
    "delivery",
    "optin",
    "referral",
    "account_linking",
    "pass_thread_control",
    "take_thread_control",
    "request_thread_control",
    "app_roles",
    "policy_enforcement",
];

fn message_item(context: &Context, object: &str, message: Json) -> Item {
    let present = message.get_each(MESSAGE_KINDS);
    let (kind, value) = MESSAGE_KINDS.into_iter().zip(present).find(|(_, value)| value.is_some()).unwrap_or(("messaging", None));
    let [mid, deleted] = value.map_or([None; 2], |value| value.get_each(["mid", "is_deleted"]));
    let mid = text(mid);
    let key = match kind {
        // Taking a message back has the id of the message.
        "message" if !mid.is_empty() && text(deleted) == "true" => format!("{mid}:deleted"),
        "message" if !mid.is_empty() => mid.into_owned(),
        _ => {
            let [sender, recipient, timestamp] = message.get_each(["sender.id", "recipient.id", "timestamp"]).map(text);
            let content = &sha256_hex(&[message.bytes()])[..16];
            format!("{kind}:{sender}:{recipient}:{timestamp}:{mid}:{content}")
        }
    };
    Item { event_type: Some(format!("{object}.{kind}")), key: Some(key), span: Some(message.span_in(context.body())) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    fn case(body: &str) -> Case {
        Case::new("whatsapp").secret("test-secret").options(r#"{"verify_token": "test-token"}"#).body(body)
    }

    fn asked(query: &str) -> Case {
        case("").method("GET").url(&format!("https://example.com/hook?{query}"))
    }

    #[test]
    fn a_subscription_needs_the_token() {
        let good = asked("hub.mode=subscribe&hub.challenge=115%3C8&hub.verify_token=test-token");
        let response = good.handshake();
        assert_eq!((response.status, response.body.as_str()), (200, "115<8"));
        assert_eq!(response.headers[0].1, "text/plain; charset=utf-8");
        let wrong = asked("hub.mode=subscribe&hub.challenge=1&hub.verify_token=other");
        assert_eq!(wrong.refusal(), Reason::NotAllowed);
        assert_eq!(wrong.verdict().response.status, 403);
        assert_eq!(good.options("{}").refusal(), Reason::NotAllowed);
        assert_eq!(asked("hub.mode=other").refusal(), Reason::MissingHeader);
    }

    #[test]
    fn whatsapp_messages_and_statuses_have_ids() {
        let body = r#"{"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [
            {"field": "messages", "value": {"messages": [{"id": "wamid.A"}]}},
            {"field": "messages", "value": {"statuses": [{"id": "wamid.A", "status": "read"}]}}]}]}"#;
        let items = case(body).signed().items();
        let keys: Vec<_> = items.iter().map(|item| item.key.as_deref().unwrap()).collect();
        assert_eq!(keys, ["wamid.A", "wamid.A:read"]);
        assert_eq!(items[0].event_type.as_deref(), Some("whatsapp_business_account.messages"));
        assert_eq!(&body[items[1].span.clone().unwrap()][..20], r#"{"field": "messages""#);
    }

    #[test]
    fn messages_changes_and_the_unknown_are_told_apart() {
        let body = r#"{"object": "page", "entry": [{"id": "1", "time": 5, "messaging": [{"sender": {"id": "a"}, "timestamp": 7, "message": {"mid": "m1"}},
            {"sender": {"id": "a"}, "timestamp": 7, "reaction": {"mid": "m1"}}]}, {"id": "2", "time": 6, "changes": [{"field": "feed", "value": {}}]}]}"#;
        let items = case(body).signed().items();
        let types: Vec<_> = items.iter().map(|item| item.event_type.as_deref().unwrap()).collect();
        assert_eq!(types, ["page.message", "page.reaction", "page.feed"]);
        assert_eq!(items[0].key.as_deref(), Some("m1"));
        let body = body.replacen(r#""mid": "m1""#, r#""mid": "m1", "is_deleted": true"#, 1);
        assert_eq!(case(&body).signed().items()[0].key.as_deref(), Some("m1:deleted"));
        assert_ne!(items[1].key, items[0].key);
        assert!(items[2].key.as_deref().unwrap().starts_with("2:6:feed:"));
        let unknown = case(r#"{"object": "page", "entry": [{"id": "1"}]}"#).signed().event();
        assert!(unknown.1.starts_with("sha256:"));
    }

    #[test]
    fn escapes_are_signed_as_they_are() {
        let escaped = case(r#"{"object": "page", "x": "\u00e4"}"#).signed();
        assert_eq!(escaped.body(r#"{"object": "page", "x": "ä"}"#).refusal(), Reason::BadSignature);
    }

    #[test]
    fn the_verify_token_is_not_stored() {
        let case = asked("hub.mode=subscribe&hub%2Everify_token=test-token");
        let (provider, options) = (super::super::find("meta").unwrap(), super::super::Options::default());
        assert!(!provider.redact(&options, &case.request()).url.contains("test-token"));
    }
}
