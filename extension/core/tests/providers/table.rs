//! One or more kinds of request a provider: what is signed of them, and with which (fake) secrets.

use super::fixtures::{Body, Fixture, Region};

pub const FIXTURES: &[Fixture] = &[
    Fixture {
        label: "adyen",
        provider: "adyen",
        secret: "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
        other_secret: "00782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
        body: Body::Adyen,
        region: Region::AdyenItem,
        any_case: true,
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "adyen_body",
        provider: "adyen",
        secret: "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
        other_secret: "00782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
        signed_headers: &[("hmacsignature", 0)],
        any_case: true,
        ..Fixture::TYPICAL
    },
    Fixture { label: "asana", provider: "asana", signed_headers: &[("X-Hook-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "auth0", provider: "auth0", signed_headers: &[("Authorization", 0)], region: Region::Sender, ..Fixture::TYPICAL },
    Fixture {
        label: "basic",
        provider: "basic",
        secret: "user:test-secret",
        other_secret: "user:other-secret",
        signed_headers: &[("Authorization", 6)],
        region: Region::Sender,
        ..Fixture::TYPICAL
    },
    Fixture { label: "bearer", provider: "bearer", signed_headers: &[("Authorization", 7)], region: Region::Sender, ..Fixture::TYPICAL },
    Fixture { label: "bitbucket", provider: "bitbucket", signed_headers: &[("X-Hub-Signature", 0)], ..Fixture::TYPICAL },
    Fixture {
        label: "box_com",
        provider: "box",
        signed_headers: &[("BOX-SIGNATURE-PRIMARY", 0), ("BOX-DELIVERY-TIMESTAMP", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "braintree",
        provider: "braintree",
        secret: "test_public|test_private",
        other_secret: "test_public|other_private",
        body: Body::Json,
        region: Region::BeforeLineEnd,
        any_case: true,
        ..Fixture::TYPICAL
    },
    Fixture { label: "cal_com", provider: "cal-com", signed_headers: &[("X-Cal-Signature-256", 0)], ..Fixture::TYPICAL },
    Fixture { label: "calendly", provider: "calendly", signed_headers: &[("Calendly-Webhook-Signature", 0)], ..Fixture::TYPICAL },
    Fixture {
        label: "clerk",
        provider: "clerk",
        secret: "whsec_dGVzdC1zZWNyZXQtMTIzNDU2Nzg5MDEy",
        other_secret: "whsec_b3RoZXItc2VjcmV0LTEyMzQ1Njc4OTAx",
        signed_headers: &[("svix-id", 0), ("svix-timestamp", 0), ("svix-signature", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "coinbase_commerce",
        provider: "coinbase-commerce",
        signed_headers: &[("X-CC-Webhook-Signature", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "coinbase_hook0",
        provider: "coinbase-commerce",
        body: Body::Json,
        headers: &[("Content-Type", "application/json"), ("X-Event-Id", "ev-9"), ("X-Event-Type", "payment.success")],
        signed_headers: &[("X-Event-Id", 0), ("X-Event-Type", 0), ("Content-Type", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "discord",
        provider: "discord",
        secret: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        other_secret: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        private_key: Some("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
        signed_headers: &[("X-Signature-Ed25519", 0), ("X-Signature-Timestamp", 0)],
        any_case: true,
        ..Fixture::TYPICAL
    },
    Fixture { label: "docusign", provider: "docusign", signed_headers: &[("X-DocuSign-Signature-1", 0)], ..Fixture::TYPICAL },
    Fixture { label: "dropbox", provider: "dropbox", signed_headers: &[("X-Dropbox-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "figma", provider: "figma", body: Body::Json, region: Region::Passcode, ..Fixture::TYPICAL },
    Fixture { label: "github", provider: "github", signed_headers: &[("X-Hub-Signature-256", 0)], ..Fixture::TYPICAL },
    Fixture { label: "gitlab", provider: "gitlab", signed_headers: &[("X-Gitlab-Token", 0)], region: Region::Sender, ..Fixture::TYPICAL },
    Fixture {
        label: "gitlab_signing",
        provider: "gitlab",
        secret: "whsec_dGVzdC1zZWNyZXQtMTIzNDU2Nzg5MDEy",
        other_secret: "whsec_b3RoZXItc2VjcmV0LTEyMzQ1Njc4OTAx",
        signed_headers: &[("webhook-id", 0), ("webhook-timestamp", 0), ("webhook-signature", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "gocardless",
        provider: "gocardless",
        signed_headers: &[("Webhook-Signature", 0)],
        any_case: true,
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "hmac",
        provider: "hmac",
        body: Body::Json,
        options: r#"{"template": "{method}:{timestamp}:{url}:{header:x-id}:{body}", "timestamp_header": "X-Time", "encoding": "base64", "algorithm": "sha512", "prefix": "sig="}"#,
        headers: &[("X-Id", "id-1")],
        signed_headers: &[("X-Signature", 0), ("X-Time", 0), ("X-Id", 0)],
        url_signed: true,
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "hubspot",
        provider: "hubspot",
        body: Body::Json,
        signed_headers: &[("X-HubSpot-Signature-v3", 0), ("X-HubSpot-Request-Timestamp", 0)],
        url_signed: true,
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "hubspot_v1",
        provider: "hubspot",
        body: Body::Json,
        options: r#"{"version": "v1"}"#,
        signed_headers: &[("X-HubSpot-Signature", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "hubspot_v2",
        provider: "hubspot",
        body: Body::Json,
        options: r#"{"version": "v2"}"#,
        signed_headers: &[("X-HubSpot-Signature", 0)],
        url_signed: true,
        ..Fixture::TYPICAL
    },
    Fixture { label: "intercom", provider: "intercom", signed_headers: &[("X-Hub-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "jira", provider: "jira", signed_headers: &[("X-Hub-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "lemon_squeezy", provider: "lemon-squeezy", signed_headers: &[("X-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "line", provider: "line", signed_headers: &[("x-line-signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "linear", provider: "linear", body: Body::Json, signed_headers: &[("Linear-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "mailgun", provider: "mailgun", body: Body::Json, region: Region::MailgunSignature, ..Fixture::TYPICAL },
    Fixture { label: "meta", provider: "meta", signed_headers: &[("X-Hub-Signature-256", 0)], ..Fixture::TYPICAL },
    Fixture { label: "mux", provider: "mux", signed_headers: &[("Mux-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "notion", provider: "notion", signed_headers: &[("X-Notion-Signature", 0)], any_case: true, ..Fixture::TYPICAL },
    Fixture {
        label: "okta",
        provider: "okta",
        options: r#"{"header": "X-Okta-Secret"}"#,
        signed_headers: &[("X-Okta-Secret", 0)],
        region: Region::Sender,
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "openai",
        provider: "openai",
        secret: "whsec_dGVzdC1zZWNyZXQtMTIzNDU2Nzg5MDEy",
        other_secret: "whsec_b3RoZXItc2VjcmV0LTEyMzQ1Njc4OTAx",
        signed_headers: &[("webhook-id", 0), ("webhook-timestamp", 0), ("webhook-signature", 0)],
        ..Fixture::TYPICAL
    },
    Fixture { label: "paddle", provider: "paddle", signed_headers: &[("Paddle-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "pagerduty", provider: "pagerduty", signed_headers: &[("X-PagerDuty-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "paystack", provider: "paystack", signed_headers: &[("x-paystack-signature", 0)], ..Fixture::TYPICAL },
    Fixture {
        label: "polar",
        provider: "polar",
        signed_headers: &[("webhook-id", 0), ("webhook-timestamp", 0), ("webhook-signature", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "postmark",
        provider: "postmark",
        secret: "user:test-secret",
        other_secret: "user:other-secret",
        signed_headers: &[("Authorization", 6)],
        region: Region::Sender,
        ..Fixture::TYPICAL
    },
    Fixture { label: "razorpay", provider: "razorpay", signed_headers: &[("X-Razorpay-Signature", 0)], ..Fixture::TYPICAL },
    Fixture {
        label: "resend",
        provider: "resend",
        secret: "whsec_dGVzdC1zZWNyZXQtMTIzNDU2Nzg5MDEy",
        other_secret: "whsec_b3RoZXItc2VjcmV0LTEyMzQ1Njc4OTAx",
        signed_headers: &[("svix-id", 0), ("svix-timestamp", 0), ("svix-signature", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "sendgrid",
        provider: "sendgrid",
        secret: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==",
        other_secret: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEPteijsZI7c5dW34lL2sqr7tEg1EUoks8qo9xD2SZO8JXEaNM3JIpCAtjnwmXf+t8qR7M4WSb/qithccrIGrefg==",
        private_key: Some("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"),
        signed_headers: &[("X-Twilio-Email-Event-Webhook-Signature", 0), ("X-Twilio-Email-Event-Webhook-Timestamp", 0)],
        ..Fixture::TYPICAL
    },
    Fixture { label: "sentry", provider: "sentry", signed_headers: &[("Sentry-Hook-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "shopify", provider: "shopify", signed_headers: &[("X-Shopify-Hmac-Sha256", 0)], ..Fixture::TYPICAL },
    Fixture {
        label: "slack",
        provider: "slack",
        signed_headers: &[("X-Slack-Signature", 0), ("X-Slack-Request-Timestamp", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "square",
        provider: "square",
        body: Body::Json,
        signed_headers: &[("x-square-hmacsha256-signature", 0)],
        url_signed: true,
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "standard_webhooks",
        provider: "standard-webhooks",
        secret: "whsec_dGVzdC1zZWNyZXQtMTIzNDU2Nzg5MDEy",
        other_secret: "whsec_b3RoZXItc2VjcmV0LTEyMzQ1Njc4OTAx",
        signed_headers: &[("webhook-id", 0), ("webhook-timestamp", 0), ("webhook-signature", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "standard_webhooks_public_key",
        provider: "standard-webhooks",
        secret: "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=",
        other_secret: "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        private_key: Some("whsk_TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs="),
        signed_headers: &[("webhook-id", 0), ("webhook-timestamp", 0), ("webhook-signature", 0)],
        ..Fixture::TYPICAL
    },
    Fixture { label: "stripe", provider: "stripe", signed_headers: &[("Stripe-Signature", 0)], ..Fixture::TYPICAL },
    Fixture {
        label: "svix",
        provider: "svix",
        secret: "whsec_dGVzdC1zZWNyZXQtMTIzNDU2Nzg5MDEy",
        other_secret: "whsec_b3RoZXItc2VjcmV0LTEyMzQ1Njc4OTAx",
        signed_headers: &[("svix-id", 0), ("svix-timestamp", 0), ("svix-signature", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "telegram",
        provider: "telegram",
        signed_headers: &[("X-Telegram-Bot-Api-Secret-Token", 0)],
        region: Region::Sender,
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "telnyx",
        provider: "telnyx",
        secret: "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=",
        other_secret: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        private_key: Some("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
        signed_headers: &[("telnyx-signature-ed25519", 0), ("telnyx-timestamp", 0)],
        ..Fixture::TYPICAL
    },
    Fixture { label: "token", provider: "token", signed_headers: &[("X-Webhook-Token", 0)], region: Region::Sender, ..Fixture::TYPICAL },
    Fixture {
        label: "trello",
        provider: "trello",
        body: Body::Json,
        signed_headers: &[("X-Trello-Webhook", 0)],
        url_signed: true,
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "twilio",
        provider: "twilio",
        body: Body::Form,
        signed_headers: &[("X-Twilio-Signature", 0)],
        url_signed: true,
        region: Region::FormText,
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "twilio_json",
        provider: "twilio",
        body: Body::Json,
        headers: &[("Content-Type", "application/json")],
        signed_headers: &[("X-Twilio-Signature", 0)],
        url_signed: true,
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "twilio_sha256",
        provider: "twilio",
        options: r#"{"algorithm": "sha256"}"#,
        body: Body::Form,
        signed_headers: &[("X-Twilio-Signature", 0)],
        url_signed: true,
        region: Region::FormText,
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "twitch",
        provider: "twitch",
        signed_headers: &[
            ("Twitch-Eventsub-Message-Signature", 0),
            ("Twitch-Eventsub-Message-Id", 0),
            ("Twitch-Eventsub-Message-Timestamp", 0),
        ],
        ..Fixture::TYPICAL
    },
    Fixture { label: "typeform", provider: "typeform", signed_headers: &[("Typeform-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "vercel", provider: "vercel", signed_headers: &[("x-vercel-signature", 0)], ..Fixture::TYPICAL },
    Fixture {
        label: "webflow",
        provider: "webflow",
        signed_headers: &[("x-webflow-signature", 0), ("x-webflow-timestamp", 0)],
        ..Fixture::TYPICAL
    },
    Fixture { label: "woocommerce", provider: "woocommerce", signed_headers: &[("X-WC-Webhook-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "workos", provider: "workos", signed_headers: &[("WorkOS-Signature", 0)], ..Fixture::TYPICAL },
    Fixture { label: "xero", provider: "xero", signed_headers: &[("x-xero-signature", 0)], ..Fixture::TYPICAL },
    Fixture {
        label: "zendesk",
        provider: "zendesk",
        signed_headers: &[("X-Zendesk-Webhook-Signature", 0), ("X-Zendesk-Webhook-Signature-Timestamp", 0)],
        ..Fixture::TYPICAL
    },
    Fixture {
        label: "zoom",
        provider: "zoom",
        signed_headers: &[("x-zm-signature", 0), ("x-zm-request-timestamp", 0)],
        ..Fixture::TYPICAL
    },
];
