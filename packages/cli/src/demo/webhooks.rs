//! What the demo sends: three real payloads, one of them twice, a forged one and one that is too large.

/// Made-up secrets. A receiver has one for each provider; whoever forges has another.
pub const GITHUB_SECRET: &str = "test-secret-for-github";
pub const SLACK_SECRET: &str = "test-signing-secret-for-slack";
/// `whsec_` and the base64 of "test secret for the knocker demo".
pub const STRIPE_SECRET: &str = "whsec_dGVzdCBzZWNyZXQgZm9yIHRoZSBrbm9ja2VyIGRlbW8=";
const FORGED_SECRET: &str = "whsec_bm90IHRoZSBzZWNyZXQgb2YgdGhlIGRlbW8=";

/// Every secret that must never be found in the file.
pub const SECRETS: [&str; 4] = [GITHUB_SECRET, SLACK_SECRET, STRIPE_SECRET, FORGED_SECRET];

const PUSH: &str = include_str!("../../../../examples/payloads/github-push.json");
const CHECKOUT: &str = include_str!("../../../../examples/payloads/stripe-checkout-session-completed.json");
const MESSAGE: &str = include_str!("../../../../examples/payloads/slack-event-callback.json");

/// More than the 1 MiB that an endpoint takes by default.
const TOO_MANY_BYTES: usize = 1024 * 1024 + 4096;

/// One webhook, and what is to become of it.
pub struct Webhook {
    /// What it is, for the reader.
    pub title: &'static str,
    /// The provider, and the endpoint of the same name.
    pub provider: &'static str,
    /// What it is signed with.
    pub secret: &'static str,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Vec<u8>,
    /// How long before it is sent it was signed: a retry is signed anew.
    pub signed_ago_ms: i64,
    /// The status that its sender gets.
    pub status: u16,
    /// The outcome of the delivery that it becomes.
    pub outcome: &'static str,
    /// Why it is refused.
    pub reason: Option<&'static str>,
}

/// Everything that is sent, in this order.
pub fn all() -> Vec<Webhook> {
    vec![
        Webhook {
            headers: github_headers("1b5e7f1c-0000-4000-8000-000000000001"),
            ..accepted("a push to a repository", "github", GITHUB_SECRET, PUSH)
        },
        accepted("a message in a channel", "slack", SLACK_SECRET, MESSAGE),
        Webhook { signed_ago_ms: 20_000, ..accepted("a paid checkout", "stripe", STRIPE_SECRET, CHECKOUT) },
        Webhook { outcome: "duplicate", ..accepted("the same checkout: Stripe tries again", "stripe", STRIPE_SECRET, CHECKOUT) },
        Webhook {
            body: forged_checkout().into_bytes(),
            status: 401,
            outcome: "invalid",
            reason: Some("bad_signature"),
            ..accepted("a forged checkout", "stripe", FORGED_SECRET, "")
        },
        Webhook {
            headers: github_headers("1b5e7f1c-0000-4000-8000-000000000002"),
            body: oversized_push(),
            status: 413,
            outcome: "too_large",
            ..accepted("a push that is too large", "github", GITHUB_SECRET, "")
        },
    ]
}

/// The id that the checkout has in every delivery.
pub fn checkout_key() -> String {
    let checkout: serde_json::Value = serde_json::from_str(CHECKOUT).expect("the payload is JSON");
    checkout["id"].as_str().unwrap_or_default().to_owned()
}

fn accepted(title: &'static str, provider: &'static str, secret: &'static str, body: &'static str) -> Webhook {
    Webhook {
        title,
        provider,
        secret,
        headers: vec![("content-type", "application/json")],
        body: body.into(),
        signed_ago_ms: 0,
        status: 200,
        outcome: "accepted",
        reason: None,
    }
}

fn github_headers(delivery: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![("content-type", "application/json"), ("x-github-event", "push"), ("x-github-delivery", delivery)]
}

/// Somebody's own checkout, under an id that was not seen before.
fn forged_checkout() -> String {
    CHECKOUT.replace(&checkout_key(), "evt_forged")
}

/// A push with white space at its end, which leaves it valid JSON.
fn oversized_push() -> Vec<u8> {
    let mut body = PUSH.as_bytes().to_vec();
    body.resize(TOO_MANY_BYTES, b' ');
    body
}
