use crate::support::knocker;

#[test]
fn the_list_has_every_provider() {
    let text = knocker(&["providers"]).ok().stdout;
    let all = knocker_core::providers::all();
    for provider in all {
        assert!(text.lines().any(|line| line.split_whitespace().next() == Some(provider.name)), "{}", provider.name);
    }
    assert_eq!(knocker(&["providers", "--json"]).ok().json_lines().len(), all.len());
}

#[test]
fn one_provider_is_described_by_its_name_or_alias() {
    let text = knocker(&["providers", "Stripe"]).ok().stdout;
    for part in ["Stripe-Signature", "HMAC-SHA-256", "tolerance_s", "300", "https://docs.stripe.com", "types, such as", "invoice.paid"] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    let slack = knocker(&["providers", "slack", "--json"]).ok().json();
    assert_eq!(slack["options"]["tolerance_s"], 300);
    assert_eq!(slack["types_closed"], false);
    let dropbox = knocker(&["providers", "dropbox"]).ok().stdout;
    assert!(dropbox.contains("none: only \"*\" hears of its events"), "{dropbox}");
    assert!(slack["handshake"].as_str().unwrap().contains("challenge"));
}

#[test]
fn a_wrong_name_gets_the_nearest_one() {
    knocker(&["providers", "stirpe"]).fails(2, "did you mean \"stripe\"?", "`knocker providers` lists");
}
