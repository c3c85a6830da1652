//! Meta (Facebook, Instagram, WhatsApp, Messenger) signs the body as it is on the wire, escapes and all, and batches what happened.

use std::borrow::Cow;

use super::engine::context::Context;
use super::engine::digest::{Digest, sha256_hex};
use super::engine::event::{Batch, Event, Source};
use super::engine::form;
use super::engine::json::Json;
use super::engine::signature::{Form, SignatureScheme};
use super::options::OptionSpec;
use super::provider::{Handshake, Provider, Scheme};
use super::receiving::{MIB, Receiving};
use super::redact::Redaction;
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::{Item, Outcome, Reason, Verdict};
use crate::request::WebhookResponse;

pub(crate) static META: Provider = Provider {
    name: "meta",
    aliases: &["facebook", "instagram", "whatsapp", "messenger"],
    title: "Meta",
    docs: "https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
    methods: &["GET", "POST"],
    // The older X-Hub-Signature (SHA-1) comes along and is never looked at.
    scheme: Scheme::Signature(SignatureScheme { form: Form::Prefixed("sha256="), ..SignatureScheme::hex_of_body("X-Hub-Signature-256") }),
    options: &[OptionSpec::VERIFY_TOKEN],
    event: Event {
        keys: &[WITH_TIME],
        batch: Batch::Custom(items),
        identity: "of each message: its id; of each status: message id + status + group member; of other changes: owner, field and time + digest, without a time of the entry: digest where there is one inside; else none, as of an entry that says only which fields changed",
        ..Event::UNKNOWN
    },
    receiving: Receiving::up_to(3 * MIB),
    redelivery: Redelivery {
        retries: Retries::For(7 * DAY),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "an attempt may come in a larger batch, so each message and status of WhatsApp is an event; the change around it, with metadata and contacts, is in the delivery's body",
    },
    handshake: Handshake {
        about: "GET hub.mode=subscribe: 200 with hub.challenge where hub.verify_token is the option verify_token, else 403",
        unsigned: Some(subscribe),
        ..Handshake::NONE
    },
    redaction: Redaction { query: &["hub.verify_token"], ..Redaction::NONE },
    types: Types::Some(&["page.feed", "page.message", "whatsapp_business_account.messages", "instagram.comments"]),
    trouble: &[
        (Reason::BadSignature, "the app secret signs, and neither an access token nor the verify token does"),
        (Reason::NotAllowed, "the verify token in the app's dashboard must be the option verify_token of this endpoint"),
    ],
    ..Provider::BASE
};

/// For what has neither an id nor an entry with a time. An entry that says only which fields changed is new each time: its own time is that of
/// sending, in seconds.
const WITH_TIME: Source =
    Source::DigestWith(&[Source::Json("timestamp"), Source::Json("value.timestamp"), Source::Json("value.created_time")]);

fn subscribe(context: &Context, _: &Secrets) -> Option<Verdict> {
    let parameter = |name| form::value(context.request.query().as_bytes(), name);
    if !context.is_method("GET") || parameter("hub.mode")? != "subscribe" {
        return None;
    }
    let refuse = |detail: &str| Verdict {
        outcome: Outcome::Refused { reason: Reason::NotAllowed, detail: detail.into() },
        response: WebhookResponse::text(403, "forbidden"),
    };
    let Some(expected) = context.options.text("verify_token") else {
        return Some(refuse("a subscription was asked for and the option verify_token is not set"));
    };
    let given = parameter("hub.verify_token").unwrap_or_default();
    if !Digest::of_token(expected).matches_token(&given) {
        return Some(refuse("hub.verify_token is not the option verify_token"));
    }
    let response = WebhookResponse::text(200, parameter("hub.challenge").unwrap_or_default());
    Some(Verdict { outcome: Outcome::Handshake, response })
}

/// One item for each change and each message of each entry. An entry of a form that we do not know is one as a whole.
fn items(context: &Context) -> Option<Vec<Item>> {
    let [object, entries] = Json::parse(context.body())?.get_each(["object", "entry"]);
    let object = object?.string()?;
    let mut items = Vec::new();
    for entry in objects(entries) {
        let before = items.len();
        let [id, time, changes, messaging, standby] = entry.get_each(["id", "time", "changes", "messaging", "standby"]);
        // Without a time the same change may be another one.
        let owner = time.and_then(Json::text).map(|time| format!("{}:{time}", text(id)));
        items.extend(objects(changes).flat_map(|change| change_items(context, &object, owner.as_deref(), change)));
        items.extend(objects(messaging).chain(objects(standby)).map(|message| message_item(context, &object, message)));
        if items.len() == before {
            items.push(item(context, object.clone().into_owned(), None, entry));
        }
    }
    if items.is_empty() { None } else { Some(items) }
}

fn item(context: &Context, event_type: String, key: Option<String>, json: Json) -> Item {
    Item { event_type: Some(event_type), key, span: Some(json.span_in(context.body())) }
}

fn text(value: Option<Json<'_>>) -> Cow<'_, str> {
    value.and_then(Json::text).unwrap_or_default()
}

fn objects(list: Option<Json<'_>>) -> impl Iterator<Item = Json<'_>> {
    list.and_then(Json::elements).unwrap_or_default().into_iter().filter(|element| element.is_object())
}

/// The beginning of its SHA-256: tells it from others of the same owner and second.
fn digest(json: Json, length: usize) -> String {
    sha256_hex(&[json.bytes()])[..length].to_owned()
}

/// The lists of a WhatsApp change. What was not acknowledged comes again, in a longer list perhaps, so each element is an item.
const WHATSAPP_LISTS: [&str; 4] = ["messages", "message_echoes", "statuses", "calls"];

fn change_items(context: &Context, object: &str, owner: Option<&str>, change: Json) -> Vec<Item> {
    let [field, messages, echoes, statuses, calls] =
        change.get_each(["field", "value.messages", "value.message_echoes", "value.statuses", "value.calls"]);
    let event_type = format!("{object}.{}", text(field));
    let by_content = |json| owner.map(|owner| format!("{owner}:{}:{}", text(field), digest(json, 32)));
    let is_whatsapp = object == "whatsapp_business_account";
    let lists = WHATSAPP_LISTS.into_iter().zip([messages, echoes, statuses, calls]).filter(|_| is_whatsapp);
    let elements = lists.flat_map(|(list, elements)| objects(elements).map(move |element| (list, element)));
    let mut items: Vec<_> = elements
        .map(|(list, element)| {
            let key = whatsapp_key(list, element).or_else(|| by_content(element));
            item(context, event_type.clone(), key, element)
        })
        .collect();
    if items.is_empty() {
        // One that says only what changed, and not to what, is new each time.
        let key = change.get("value").and_then(|_| by_content(change));
        items.push(item(context, event_type, key, change));
    }
    items
}

/// A message has an id. Of a status or a call it is the id of what they are about, so what they say belongs to the identity, and in a group who
/// is meant: each member reads the same message. A message to one person passes through each status once; other things, such as a payment, may
/// come back to one.
fn whatsapp_key(list: &str, element: Json) -> Option<String> {
    let id = element.get("id")?.text().filter(|id| !id.is_empty())?;
    match list {
        // What cannot be shown yet may come again under its id once it can.
        "messages" if element.get("type").and_then(Json::text).as_deref() == Some("unsupported") => {
            return Some(format!("{id}:unsupported"));
        }
        "messages" => return Some(id.into_owned()),
        // Sender and receiver may both report to one app.
        "message_echoes" => return Some(format!("{id}:echo")),
        _ => {}
    }
    let [status, event, kind, recipient, participant] =
        element.get_each(["status", "event", "type", "recipient_type", "recipient_participant_id"]).map(text);
    let is_message = list == "statuses" && !status.is_empty() && (kind.is_empty() || kind == "message");
    let whose = match (is_message, participant.is_empty()) {
        (true, false) => format!(":{participant}"),
        (true, true) if recipient != "group" => String::new(),
        _ => format!(":{}", digest(element, 16)),
    };
    Some(format!("{id}:{status}{event}{whose}"))
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
    let [mid, deleted, echo] = value.map_or([None; 3], |value| value.get_each(["mid", "is_deleted", "is_echo"])).map(text);
    let key = match kind {
        // Taking a message back has the id of the message.
        "message" if !mid.is_empty() && deleted == "true" => Some(format!("{mid}:deleted")),
        "message" if !mid.is_empty() && echo == "true" => Some(format!("{mid}:echo")),
        "message" if !mid.is_empty() => Some(mid.into_owned()),
        _ => {
            let [sender, recipient, timestamp] = message.get_each(["sender.id", "recipient.id", "timestamp"]).map(text);
            // Somebody may react twice in the same way.
            let is_timed = !timestamp.is_empty();
            is_timed.then(|| format!("{kind}:{sender}:{recipient}:{timestamp}:{mid}:{}", digest(message, 16)))
        }
    };
    item(context, format!("{object}.{kind}"), key, message)
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

    fn whatsapp(value: &str) -> Vec<(String, String)> {
        let change = format!(r#"{{"field": "messages", "value": {value}}}"#);
        let body = format!(r#"{{"object": "whatsapp_business_account", "entry": [{{"id": "1", "changes": [{change}, 7]}}]}}"#);
        let item = |item: &Item| (item.key.clone().unwrap_or_default(), body[item.span.clone().unwrap()].to_owned());
        case(&body).signed().items().iter().map(item).collect()
    }

    #[test]
    fn each_whatsapp_message_and_status_is_an_item() {
        let value = r#"{"messages": [{"id": "wamid.A"}, null, {"id": "wamid.B"}], "statuses": [{"id": "wamid.A", "status": "read"}]}"#;
        let found = whatsapp(value);
        let expected = [
            ("wamid.A", r#"{"id": "wamid.A"}"#),
            ("wamid.B", r#"{"id": "wamid.B"}"#),
            ("wamid.A:read", r#"{"id": "wamid.A", "status": "read"}"#),
        ];
        assert_eq!(found, expected.map(|(key, body)| (key.to_owned(), body.to_owned())));
    }

    #[test]
    fn the_members_of_a_group_read_for_themselves() {
        let status = |rest: &str| {
            let status = format!(r#"{{"id": "wamid.A", "status": "read", "recipient_type": "group", "recipient_id": "g"{rest}}}"#);
            whatsapp(&format!(r#"{{"statuses": [{status}]}}"#)).remove(0).0
        };
        assert_eq!(status(r#", "recipient_participant_id": "49170""#), "wamid.A:read:49170");
        assert_eq!(status(r#", "recipient_participant_id": "49171", "timestamp": "1""#), "wamid.A:read:49171");
        assert_ne!(status(r#", "timestamp": "1""#), status(r#", "timestamp": "2""#));
    }

    #[test]
    fn payments_and_calls_come_back_to_a_status() {
        let payment = |transaction: &str| {
            let payment =
                format!(r#"{{"id": "P", "type": "payment", "status": "pending", "payment": {{"transaction": "{transaction}"}}}}"#);
            whatsapp(&format!(r#"{{"statuses": [{payment}]}}"#)).remove(0).0
        };
        assert!(payment("1").starts_with("P:pending:"));
        assert_ne!(payment("1"), payment("2"));
        let call = |event: &str| whatsapp(&format!(r#"{{"calls": [{{"id": "C", "event": "{event}"}}]}}"#)).remove(0).0;
        assert!(call("connect").starts_with("C:connect:"));
        assert_ne!(call("connect"), call("terminate"));
    }

    #[test]
    fn a_whatsapp_change_without_messages_is_one_item() {
        let found = whatsapp(r#"{"messages": [], "errors": [{"code": 1}]}"#);
        assert_eq!(found.len(), 1);
        assert!(found[0].0.is_empty() && found[0].1.starts_with(r#"{"field""#));
        assert!(whatsapp(r#"{"timestamp": 1, "state_sync": []}"#)[0].0.starts_with("sha256:"));
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
        let unknown =
            case(r#"{"object": "user", "entry": [{"id": "1", "time": 5, "changed_fields": ["photos"]}, 3, {"id": "2", "changes": [{}]}]}"#);
        let items = unknown.signed().items();
        assert_eq!((items.len(), items[0].event_type.as_deref()), (2, Some("user")));
        assert_eq!(items[0].key, None);
        let no_time = case(r#"{"object": "user", "entry": [{"id": "1"}]}"#);
        assert_eq!(no_time.signed().items()[0].key, None);
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
