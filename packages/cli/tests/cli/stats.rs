use serde_json::json;

use crate::support::Inbox;

#[test]
fn figures_are_shown_by_endpoint_with_their_sum() {
    let inbox = Inbox::with_events();
    inbox.store.endpoint("other", r#"{"enabled": false}"#, inbox.now).unwrap();
    let text = inbox.knocker(&["stats"]).ok().stdout;
    let row = |name: &str| text.lines().find(|line| line.trim_start().starts_with(name)).unwrap().split_whitespace().collect::<Vec<_>>();
    // One received (for an hour), one failed, one handled, one dead.
    assert_eq!(row("orders"), ["orders", "1", "0", "1", "1", "1", "0", "1", "hour"], "{text}");
    assert_eq!(row("(all)")[..7], ["(all)", "1", "0", "1", "1", "1", "0"], "{text}");
    assert!(text.contains("other (disabled)") && text.contains("Database: "), "{text}");
}

#[test]
fn a_program_gets_the_figures_of_the_contract() {
    let stats = Inbox::with_events().knocker(&["--json", "stats"]).ok().json();
    assert_eq!(stats["events"], json!({"received": 1, "processing": 0, "failed": 1, "handled": 1, "dead": 1, "ignored": 0}));
    assert_eq!(stats["last_hour"]["failures"], 2);
    assert_eq!(stats["endpoints"][0]["endpoint"], "orders");
    assert_eq!(stats["endpoints"][0]["refused"]["full"], false);
}

#[test]
fn without_endpoints_it_says_how_to_make_one() {
    assert!(Inbox::empty().knocker(&["stats"]).ok().stdout.contains("knocker endpoint add"));
}

#[test]
fn a_monitoring_system_gets_the_metrics() {
    let inbox = Inbox::with_events();
    let text = inbox.knocker(&["stats", "--prometheus"]).ok().stdout;
    for line in [
        "# TYPE knocker_receipts_total counter",
        "knocker_receipts_total{endpoint=\"orders\",outcome=\"accepted\"} 4",
        "knocker_attempts_total{endpoint=\"orders\",result=\"failed\"} 1",
        "knocker_handler_duration_seconds_bucket{endpoint=\"orders\",le=\"0.01\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    inbox.knocker(&["stats", "--prometheus", "--json"]).fails(2, "--json", "--prometheus");
}
