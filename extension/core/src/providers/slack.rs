//! Slack signs timestamp and body for events, slash commands and interactivity alike, and its URL verification too.

use super::engine::context::Context;
use super::engine::event::{Batch, Event, Source};
use super::engine::form;
use super::engine::json::{self, Json};
use super::engine::signature::{Form, SignatureScheme};
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Handshake, Provider, Scheme};
use super::redelivery::{Grain, MINUTE, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::{Item, Outcome, Verdict};
use crate::request::WebhookResponse;

pub(crate) static SLACK: Provider = Provider {
    name: "slack",
    title: "Slack",
    docs: "https://docs.slack.dev/authentication/verifying-requests-from-slack",
    methods: &["GET", "POST"],
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Prefixed("v0="),
        signed: &[Part::Text("v0:"), Part::Timestamp, Part::Text(":"), Part::Body],
        timestamp: Some(Timestamp { place: Place::Header("X-Slack-Request-Timestamp"), unit: Unit::Seconds, future: Future::Tolerated }),
        ..SignatureScheme::hex_of_body("X-Slack-Signature")
    }),
    options: &[OptionSpec::tolerance(300)],
    event: Event {
        types: &[Source::Json("event.type"), Source::Json("type")],
        keys: &[Source::Json("event_id"), CLICK],
        batch: Batch::Custom(form_item),
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(6 * MINUTE),
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Renewed,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "slash commands and interactivity are sent once",
    },
    handshake: Handshake {
        about: "signed url_verification: 200 with the challenge as text; unsigned form of ssl_check=1 and token alone: 200",
        unsigned: Some(answer_ssl_check),
        signed: Some(answer),
        ..Handshake::NONE
    },
    types: Types::Some(&["message", "app_mention", "reaction_added", "block_actions", "view_submission", "/your-command"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the app's signing secret (Basic Information), and not its verification token, client secret or a bot token (`xoxb-…`)",
    )],
    ..Provider::BASE
};

/// Slack checks the certificate with a form of its own, which nothing signs. Anything beside it would be a command that nobody proved.
fn answer_ssl_check(context: &Context, _: &Secrets) -> Option<Verdict> {
    let is_signed = context.first_header("X-Slack-Signature").is_some();
    let encoded = if context.is_method("GET") { context.request.query().as_bytes() } else { context.body() };
    let has_both = context.is_method("GET") && !context.body().is_empty();
    if is_signed || has_both || encoded.len() > LONGEST_SSL_CHECK || !is_ssl_check(encoded) {
        return None;
    }
    Some(Verdict { outcome: Outcome::Handshake, response: WebhookResponse::text(200, "") })
}

/// Twice what Slack sends.
const LONGEST_SSL_CHECK: usize = 256;

/// Whether the form is `ssl_check=1` with or without the deprecated token, and nothing else.
fn is_ssl_check(encoded: &[u8]) -> bool {
    let (mut checks, mut tokens) = (0, 0);
    for (name, value) in form::pairs(encoded) {
        match (name.as_ref(), value.as_ref()) {
            (b"ssl_check", b"1") => checks += 1,
            (b"token", _) => tokens += 1,
            _ => return false,
        }
    }
    checks == 1 && tokens <= 1
}

fn answer(context: &Context, _: &str) -> Option<WebhookResponse> {
    let body = context.body();
    if !form::is_json(body) {
        return form::value(body, "ssl_check").filter(|check| check == "1").map(|_| WebhookResponse::text(200, ""));
    }
    // A challenge is all that such a body holds; events are longer, and are not searched for one.
    if body.len() > 4096 {
        return None;
    }
    let found = json::find(body, &["type", "challenge"]);
    let is_challenge = found[0]?.string()? == "url_verification";
    let challenge = found[1]?.string()?;
    is_challenge.then(|| WebhookResponse::text(200, challenge))
}

/// Each command and each click has an id, a time, or both. What has none is sent once, and is new.
const CLICK: Source = Source::DigestWith(&[
    Source::Form("trigger_id"),
    Source::JsonInForm("payload", "trigger_id"),
    Source::JsonInForm("payload", "action_ts"),
    Source::Json("minute_rate_limited"),
]);

/// Slash commands and interactivity come as forms.
fn form_item(context: &Context) -> Option<Vec<Item>> {
    let body = context.body();
    if form::is_json(body) {
        return None;
    }
    let event_type = match form::value(body, "payload") {
        Some(payload) => Json::parse(payload.as_bytes())?.get("type")?.string()?.into_owned(),
        None => form::value(body, "command")?.into_owned(),
    };
    Some(vec![Item { event_type: Some(event_type), ..Item::default() }])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, NOW_MS};
    use super::super::{Outcome, Reason};

    fn case(body: &str) -> Case {
        Case::new("slack").secret("8f742231b10e8888abcd99yyyzzz85a5").body(body)
    }

    #[test]
    fn the_published_example_verifies() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let case = case(body)
            .at(1_531_420_618_000)
            .header("X-Slack-Request-Timestamp", "1531420618")
            .header("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
        let (event_type, key) = case.event();
        assert_eq!(event_type.as_deref(), Some("/webhook-collect"));
        assert!(key.starts_with("sha256:"));
    }

    #[test]
    fn the_inner_event_names_the_type() {
        let body = r#"{"token": "x", "type": "event_callback", "event_id": "Ev1", "event": {"type": "app_mention"}}"#;
        assert_eq!(case(body).signed().event(), (Some("app_mention".into()), "Ev1".into()));
        let clicked = "payload=%7B%22type%22%3A%22block_actions%22%2C%22trigger_id%22%3A%221%22%7D";
        let (event_type, key) = case(clicked).signed().event();
        assert!(event_type.as_deref() == Some("block_actions") && key.starts_with("sha256:"));
        // Without an id or a time of its own nothing tells it from the next one.
        assert_eq!(case("payload=%7B%22type%22%3A%22view_closed%22%7D").signed().items()[0].key, None);
    }

    #[test]
    fn the_challenge_is_answered_only_when_signed() {
        let challenge = case(r#"{"token": "x", "challenge": "3eZbrw1a", "type": "url_verification"}"#);
        let response = challenge.clone().signed().handshake();
        assert_eq!((response.status, response.body.as_str()), (200, "3eZbrw1a"));
        assert_eq!(response.headers, [("content-type".into(), "text/plain; charset=utf-8".to_owned())]);
        assert_eq!(challenge.refusal(), Reason::MissingHeader);
        assert_eq!(case("ssl_check=1&token=x").signed().verdict().outcome, Outcome::Handshake);
    }

    #[test]
    fn the_timestamp_may_differ_both_ways() {
        let case = case("{}").signed();
        case.clone().at(NOW_MS + 300_000).items();
        case.clone().at(NOW_MS - 300_000).items();
        assert_eq!(case.clone().at(NOW_MS + 301_000).refusal(), Reason::TimestampOutOfTolerance);
        assert_eq!(case.at(NOW_MS - 301_000).refusal(), Reason::TimestampOutOfTolerance);
    }

    #[test]
    fn an_unsigned_ssl_check_is_answered_and_nothing_like_it() {
        let form = |body: &str| Case::new("slack").secret("test-secret").body(body);
        for body in ["ssl_check=1&token=legacy-token", "token=x&ssl_check=1", "ssl_check=1"] {
            assert_eq!(form(body).handshake().status, 200, "{body}");
        }
        let by_get = Case::new("slack").secret("test-secret").method("GET").url("https://example.com/slack?ssl_check=1&token=x");
        by_get.handshake();
        assert_eq!(by_get.body("command=%2Fdeploy").refusal(), Reason::MissingHeader);
        let long = format!("ssl_check=1&token={}", "x".repeat(300));
        for body in [
            "ssl_check=0",
            "ssl_check=true",
            "ssl_check=1&ssl_check=1",
            "ssl_check=1&command=%2Fdeploy",
            "ssl_check=1&payload=%7B%7D",
            "ssl_check=%201",
            "SSL_CHECK=1",
            "token=x",
            "",
            "ssl_check",
            "ssl_check=1&token=a&token=b",
            &long,
        ] {
            assert_eq!(form(body).refusal(), Reason::MissingHeader, "{body}");
        }
        let wrong = form("ssl_check=1").header("X-Slack-Signature", "v0=00").header("X-Slack-Request-Timestamp", "1767225600");
        assert_eq!(wrong.refusal(), Reason::BadSignature);
    }
}
