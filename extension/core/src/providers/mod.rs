//! Providers: for each sender of webhooks how a request proves itself, what identifies an occurrence, and what it expects as the answer.
//!
//! ```
//! use knocker_core::providers::{Outcome, Secrets, find};
//! use knocker_core::request::{Headers, Request};
//!
//! let github = find("github")?;
//! let options = github.options("")?;
//! let mut request =
//!     Request { method: "POST".into(), url: "/github".into(), headers: Headers::new(), body: b"{}", truncated: false };
//! for (name, value) in github.sign(&options, &request, "test-secret", 0)?.headers {
//!     request.headers.push(name, value);
//! }
//! let verdict = github.verify(&options, &request, &Secrets::from_strings(["test-secret"]), 0);
//! assert!(matches!(verdict.outcome, Outcome::Delivery(_)));
//! # Ok::<(), knocker_core::error::Error>(())
//! ```

mod advice;
pub(crate) mod engine;
mod options;
mod provider;
mod redact;
pub(crate) use redact::redact;
mod receiving;
mod redelivery;
mod secrets;
#[cfg(test)]
mod testing;
mod types;
mod verdict;

mod adyen;
mod asana;
mod auth0;
mod basic;
mod bearer;
mod bitbucket;
mod box_com;
mod braintree;
mod cal_com;
mod calendly;
mod clerk;
mod coinbase_commerce;
mod discord;
mod docusign;
mod dropbox;
mod figma;
mod github;
mod gitlab;
mod gocardless;
mod hmac;
mod hubspot;
mod intercom;
mod jira;
mod lemon_squeezy;
mod line;
mod linear;
mod mailgun;
mod meta;
mod mux;
mod notion;
mod okta;
mod openai;
mod paddle;
mod pagerduty;
mod paystack;
mod polar;
mod postmark;
mod razorpay;
mod resend;
mod sendgrid;
mod sentry;
mod shopify;
mod slack;
mod square;
mod standard_webhooks;
mod stripe;
mod svix;
mod telegram;
mod telnyx;
mod token;
mod trello;
mod twilio;
mod twilio_url;
mod twitch;
mod typeform;
mod vercel;
mod webflow;
mod woocommerce;
mod workos;
mod xero;
mod zendesk;
mod zoom;

pub use engine::timestamp::signed_distance_s;
#[cfg(feature = "contract")]
pub use options::OptionSpec;
pub use options::Options;
pub use provider::Provider;
pub(crate) use receiving::TYPICAL_BODY;
pub use secrets::Secrets;
pub use verdict::*;

use crate::error::{Code, Error, Result, suggestion};

/// Every provider, by name.
static ALL: &[&Provider] = &[
    &adyen::ADYEN,
    &asana::ASANA,
    &auth0::AUTH0,
    &basic::BASIC,
    &bearer::BEARER,
    &bitbucket::BITBUCKET,
    &box_com::BOX,
    &braintree::BRAINTREE,
    &cal_com::CAL_COM,
    &calendly::CALENDLY,
    &clerk::CLERK,
    &coinbase_commerce::COINBASE_COMMERCE,
    &discord::DISCORD,
    &docusign::DOCUSIGN,
    &dropbox::DROPBOX,
    &figma::FIGMA,
    &github::GITHUB,
    &gitlab::GITLAB,
    &gocardless::GOCARDLESS,
    &hmac::HMAC,
    &hubspot::HUBSPOT,
    &intercom::INTERCOM,
    &jira::JIRA,
    &lemon_squeezy::LEMON_SQUEEZY,
    &line::LINE,
    &linear::LINEAR,
    &mailgun::MAILGUN,
    &meta::META,
    &mux::MUX,
    &notion::NOTION,
    &okta::OKTA,
    &openai::OPENAI,
    &paddle::PADDLE,
    &pagerduty::PAGERDUTY,
    &paystack::PAYSTACK,
    &polar::POLAR,
    &postmark::POSTMARK,
    &razorpay::RAZORPAY,
    &resend::RESEND,
    &sendgrid::SENDGRID,
    &sentry::SENTRY,
    &shopify::SHOPIFY,
    &slack::SLACK,
    &square::SQUARE,
    &standard_webhooks::STANDARD_WEBHOOKS,
    &stripe::STRIPE,
    &svix::SVIX,
    &telegram::TELEGRAM,
    &telnyx::TELNYX,
    &token::TOKEN,
    &trello::TRELLO,
    &twilio::TWILIO,
    &twitch::TWITCH,
    &typeform::TYPEFORM,
    &vercel::VERCEL,
    &webflow::WEBFLOW,
    &woocommerce::WOOCOMMERCE,
    &workos::WORKOS,
    &xero::XERO,
    &zendesk::ZENDESK,
    &zoom::ZOOM,
];

/// Every provider, by name.
pub fn all() -> &'static [&'static Provider] {
    ALL
}

/// The provider of this name or alias, whatever its case.
pub fn find(name: &str) -> Result<&'static Provider> {
    let is_named = |provider: &&&Provider| {
        provider.name.eq_ignore_ascii_case(name) || provider.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    };
    ALL.iter().find(is_named).copied().ok_or_else(|| {
        let names = ALL.iter().flat_map(|provider| std::iter::once(provider.name).chain(provider.aliases.iter().copied()));
        Error::new(Code::UnknownProvider, format!("no provider is named {name:?}{}", suggestion(name, names)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_in_order_and_in_kebab_case() {
        let names: Vec<_> = ALL.iter().map(|provider| provider.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(names, sorted);
        let mut all: Vec<_> = ALL.iter().flat_map(|provider| provider.aliases.iter().chain([&provider.name])).collect();
        assert!(all.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')));
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn every_provider_fills_its_page() {
        for provider in ALL {
            assert!(!provider.title.is_empty() && provider.docs.starts_with("https://"), "{}", provider.name);
            assert!(!provider.scheme().is_empty() && !provider.headers().contains(&""), "{}", provider.name);
            provider.options("").unwrap();
        }
    }

    #[test]
    fn a_handshake_that_brings_a_secret_can_be_closed_to_strangers() {
        for provider in ALL.iter().filter(|provider| provider.handshake_brings_secret()) {
            let options = provider.option_defaults();
            assert!(options.as_object().unwrap().contains_key("verify_token"), "{}", provider.name);
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        assert_eq!(find("GitHub").unwrap().name, "github");
        let error = find("githob").unwrap_err();
        assert_eq!(error.code(), Code::UnknownProvider);
        assert_eq!(error.message(), "no provider is named \"githob\"; did you mean \"github\"?");
    }
}
