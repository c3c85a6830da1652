//! Svix, and the senders that sign through it: Standard Webhooks under headers of its own.

use super::engine::context::Context;
use super::engine::event::{Event, Source};
use super::engine::refusal::Checked;
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::options::OptionSpec;
use super::provider::{CustomScheme, Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::standard_webhooks::{WEBHOOK, WEBHOOK_HEADERS, shared_secret, sign_either, verify_either};
use super::types::Types;
use super::verdict::Reason;
use super::verdict::Signed;
use crate::error::Result;

pub(crate) static SVIX: Provider = Provider {
    name: "svix",
    title: "Svix",
    docs: "https://docs.svix.com/receiving/verifying-payloads/how-manual",
    // A transformation may choose PUT.
    methods: &["POST", "PUT"],
    scheme: Scheme::Custom(CustomScheme {
        about: "Standard Webhooks under the headers svix-*, or webhook-* where there are none",
        headers: &SVIX_HEADERS,
        // Under either name the id is signed.
        signed: &[Part::Header(SVIX_HEADERS[0]), Part::Header(WEBHOOK_HEADERS[0]), Part::Timestamp, Part::Body],
        verify,
        sign,
    }),
    options: &[OptionSpec::tolerance(300)],
    event: Event {
        // Bodies are the sender's own: `type` is customary, Svix's own example has `event_type`.
        types: &[Source::Json("type"), Source::Json("event_type")],
        keys: &[Source::Header("svix-id"), Source::Header("webhook-id")],
        ..Event::UNKNOWN
    },
    redelivery: REDELIVERY,
    samples: SAMPLES,
    types: Types::Some(&["user.created", "invoice.paid"]),
    trouble: &[(Reason::BadSignature, "the secret is the `whsec_…` text of this endpoint in the Svix dashboard, and no API key")],
    ..Provider::BASE
};

const SVIX_HEADERS: [&str; 3] = ["svix-id", "svix-timestamp", "svix-signature"];

/// The identity that signing adds.
pub(super) const SAMPLES: &[Sample] = &[Sample::Id("svix-id", "msg_")];

/// The scheme under `svix-*` headers.
pub(super) const SCHEME: SignatureScheme<'static> = shared_secret(
    SVIX_HEADERS[2],
    SVIX_HEADERS[1],
    &[Part::Header(SVIX_HEADERS[0]), Part::Text("."), Part::Timestamp, Part::Text("."), Part::Body],
);

/// Type and identity of senders that are known to use `svix-*` headers and `type`.
pub(super) const EVENT: Event = Event { types: &[Source::Json("type")], keys: &[Source::Header("svix-id")], ..Event::UNKNOWN };

/// The schedule of Svix: after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h.
pub(super) const REDELIVERY: Redelivery = Redelivery {
    retries: Retries::For(99_305),
    body: Repeat::Same,
    id: Repeat::Same,
    timestamp: Repeat::Renewed,
    proof: Proof::Signed,
    grain: Grain::Occurrence,
    note: "",
};

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let branded = SVIX_HEADERS.iter().any(|name| context.first_header(name).is_some());
    let unbranded = context.first_header(WEBHOOK.header).is_some();
    verify_either(if branded || !unbranded { &SCHEME } else { &WEBHOOK }, context, secrets)
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    sign_either(&SCHEME, context, secret)
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    fn case() -> Case {
        Case::new("svix").secret("whsec_dGVzdC1zZWNyZXQtMTIzNA==").body(r#"{"event_type": "ping"}"#).signed()
    }

    #[test]
    fn both_header_families_verify() {
        let (event_type, key) = case().event();
        assert_eq!(event_type.as_deref(), Some("ping"));
        assert!(key.starts_with("msg_"));
        let mut unbranded = Case::new("svix").secret("whsec_dGVzdC1zZWNyZXQtMTIzNA==").body(r#"{"event_type": "ping"}"#);
        for part in ["id", "timestamp", "signature"] {
            unbranded = unbranded.header(&format!("webhook-{part}"), case().get(&format!("svix-{part}")));
        }
        assert_eq!(unbranded.event(), case().event());
    }

    #[test]
    fn a_valid_unbranded_signature_does_not_rescue_a_wrong_branded_one() {
        let mut both = case();
        for part in ["id", "timestamp", "signature"] {
            both = both.clone().header(&format!("webhook-{part}"), both.get(&format!("svix-{part}")));
        }
        assert_eq!(both.header("svix-signature", "v1,AAAA").refusal(), Reason::BadSignature);
    }

    #[test]
    fn nothing_at_all_misses_the_branded_header() {
        assert_eq!(Case::new("svix").secret("dGVzdA==").refusal(), Reason::MissingHeader);
    }
}
