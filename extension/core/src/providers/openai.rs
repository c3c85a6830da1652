//! OpenAI follows Standard Webhooks.

use super::engine::event::{Event, Source};
use super::engine::sample::Sample;
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::standard_webhooks::WEBHOOK;
use super::types::Types;
use super::verdict::Reason;

pub(crate) static OPENAI: Provider = Provider {
    name: "openai",
    title: "OpenAI",
    docs: "https://platform.openai.com/docs/guides/webhooks",
    scheme: Scheme::Signature(WEBHOOK),
    options: &[OptionSpec::tolerance(300)],
    event: Event { types: &[Source::Json("type")], keys: &[Source::Header("webhook-id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(3 * DAY),
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Renewed,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "",
    },
    samples: &[Sample::Id("webhook-id", "wh_")],
    types: Types::Some(&[
        "response.completed",
        "response.failed",
        "batch.completed",
        "fine_tuning.job.succeeded",
        "realtime.call.incoming",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the `whsec_…` text that was shown when the webhook was made, and no API key (`sk-…`)",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"id": "evt_1", "type": "response.completed", "data": {"id": "resp_1"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("openai").secret("whsec_dGVzdC1zZWNyZXQtMTIzNA==").body(BODY).header("webhook-id", "wh_1").signed();
        assert_eq!(case.event(), (Some("response.completed".into()), "wh_1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }
}
