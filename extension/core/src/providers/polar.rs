//! Polar follows Standard Webhooks, except that the secret is text.

use super::engine::encoding::KeyForm;
use super::engine::event::{Event, Source};
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::standard_webhooks::WEBHOOK;

pub(crate) static POLAR: Provider = Provider {
    name: "polar",
    title: "Polar",
    docs: "https://polar.sh/docs/integrate/webhooks/delivery",
    scheme: Scheme::Signature(SignatureScheme { key: KeyForm::Text, ..WEBHOOK }),
    options: &[OptionSpec::tolerance(300)],
    event: Event { types: &[Source::Json("type")], keys: &[Source::Header("webhook-id")], ..Event::UNKNOWN },
    samples: &[Sample::Id("webhook-id", "")],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"type": "order.created", "data": {"id": "o1"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("polar").secret("polar_whs_test_secret").body(BODY).header("webhook-id", "w1").signed();
        assert_eq!(case.event(), (Some("order.created".into()), "w1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }
}
