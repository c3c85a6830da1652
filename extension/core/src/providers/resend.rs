//! Resend sends through Svix.

use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::svix;
use super::types::Types;
use super::verdict::Reason;

pub(crate) static RESEND: Provider = Provider {
    name: "resend",
    title: "Resend",
    docs: "https://resend.com/docs/webhooks/verify-webhooks-requests",
    scheme: Scheme::Signature(svix::SCHEME),
    options: &[OptionSpec::tolerance(300)],
    event: svix::EVENT,
    redelivery: svix::REDELIVERY,
    samples: svix::SAMPLES,
    types: Types::Some(&[
        "email.sent",
        "email.delivered",
        "email.bounced",
        "email.complained",
        "email.opened",
        "email.clicked",
        "contact.created",
    ]),
    trouble: &[(Reason::BadSignature, "the secret is the `whsec_…` text of this webhook, and no API key (`re_…`)")],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    #[test]
    fn the_svix_headers_count_and_the_plain_ones_do_not() {
        let case = Case::new("resend").secret("whsec_dGVzdC1zZWNyZXQtMTIzNA==").body(r#"{"type": "email.delivered", "data": {}}"#);
        let signed = case.clone().header("svix-id", "msg_1").signed();
        assert_eq!(signed.event(), (Some("email.delivered".into()), "msg_1".into()));
        let mut plain = case;
        for part in ["id", "timestamp", "signature"] {
            plain = plain.header(&format!("webhook-{part}"), signed.get(&format!("svix-{part}")));
        }
        assert_eq!(plain.refusal(), Reason::MissingHeader);
    }

    #[test]
    fn the_version_counts_and_an_empty_key_does_not() {
        let signed = Case::new("resend").secret("whsec_dGVzdC1zZWNyZXQtMTIzNA==").body("{}").signed();
        let bare = signed.get("svix-signature").replace("v1,", "v0,");
        assert_eq!(signed.clone().header("svix-signature", &bare).refusal(), Reason::MalformedHeader);
        assert_eq!(Case::new("resend").secret("whsec_").header("svix-signature", "v1,AAAA").refusal(), Reason::MissingHeader);
    }
}
