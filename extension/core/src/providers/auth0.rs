//! Auth0 log streams carry a shared secret as the whole `Authorization` header, and logs as an array, as lines or one by one.

use super::engine::context::Context;
use super::engine::event::{Batch, Event, Source};
use super::engine::json::Json;
use super::engine::token::TokenScheme;
use super::provider::{Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::{Item, Reason};

pub(crate) static AUTH0: Provider = Provider {
    name: "auth0",
    title: "Auth0 log streams",
    docs: "https://auth0.com/docs/customize/log-streams/custom-log-streams",
    scheme: Scheme::Token(TokenScheme { header: "Authorization", prefix: "" }),
    event: Event {
        keys: &[Source::Json("log_id"), Source::DigestWith(&[Source::Json("date"), Source::Json("data.date")])],
        batch: Batch::Custom(logs),
        identity: "of each log: log_id, else digest where it has a date, else none",
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::SharedSecret,
        grain: Grain::Occurrence,
        note: "",
    },
    types: Types::Some(&["s", "f", "ss", "fp", "slo"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the Authorization Token of this stream, which you choose (Monitoring, Streams, its Settings): the whole header, also the word `Bearer` where you wrote one",
    )],
    ..Provider::BASE
};

fn logs(context: &Context) -> Option<Vec<Item>> {
    let logs = match Json::parse(context.body()).and_then(Json::elements) {
        Some(elements) => elements,
        None => Json::sequence(context.body())?,
    };
    let has_logs = logs.iter().any(|log| log.is_object());
    let event_type = |log: Json| log.get("data.type").and_then(Json::text).map(|text| text.into_owned());
    let item = |log: Json| Item { event_type: event_type(log), key: None, span: Some(log.span_in(context.body())) };
    // What is no object is no log, and a body without any is one occurrence.
    (has_logs || logs.is_empty()).then(|| logs.into_iter().filter(|log| log.is_object()).map(item).collect())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::super::{Item, Reason};

    fn case(body: &str) -> Case {
        Case::new("auth0").secret("Bearer test-secret").body(body).signed()
    }

    #[test]
    fn arrays_lines_and_single_logs_are_items() {
        let one = r#"{"log_id": "l1", "data": {"type": "s", "log_id": "l1"}}"#;
        let two = r#"{"log_id": "l2", "data": {"type": "fp"}}"#;
        for body in [format!("[{one}, {two}]"), format!("{one}\n{two}\n")] {
            let items = case(&body).items();
            let found: Vec<_> = items.iter().map(|item| (item.event_type.as_deref().unwrap(), item.key.as_deref().unwrap())).collect();
            assert_eq!(found, [("s", "l1"), ("fp", "l2")]);
            assert_eq!(&body[items[1].span.clone().unwrap()], two);
        }
        assert_eq!(case(one).event(), (Some("s".into()), "l1".into()));
        for other in ["no json", "[1, 2]", "5"] {
            assert_eq!(case(other).items(), [Item::default()], "{other}");
        }
        assert_eq!(case(&format!("[5, {one}]")).event().1, "l1");
    }

    #[test]
    fn the_whole_header_counts() {
        assert_eq!(case("[]").header("Authorization", "test-secret").refusal(), Reason::BadSignature);
    }
}
