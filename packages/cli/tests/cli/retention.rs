use serde_json::json;

use crate::support::Inbox;

#[test]
fn a_policy_is_stored_and_carried_out_when_it_is_due() {
    let inbox = Inbox::with_events();
    assert_eq!(inbox.knocker(&["retain"]).ok().stdout, "no pass is due\n");
    let policy = inbox.knocker(&["retention", "--handled", "10m", "--deliveries", "7d", "--interval", "2h", "--json"]).ok().json();
    assert_eq!((&policy["handled_s"], &policy["deliveries_s"], &policy["interval_s"]), (&json!(600), &json!(604_800), &json!(7200)));
    assert_eq!(inbox.knocker(&["retain"]).ok().stdout, "deleted 1 event, 1 delivery, 1 attempt and 0 prune records\n");
    assert_eq!(inbox.knocker(&["retain", "--json"]).ok().json()["ran"], false);
    assert_eq!(inbox.count("knocker_events"), 3);
}

/// Each row in a transaction of its own would be too slow, and all of them in one would keep receipts waiting.
#[test]
fn a_long_pass_works_in_small_transactions_with_one_record() {
    let inbox = Inbox::with_orders();
    inbox.receive_many(3000);
    let conn = inbox.store.conn();
    conn.execute_batch(
        "DELETE FROM _honker_live; UPDATE _knocker_events SET status = 'handled', job_id = NULL;
         UPDATE _knocker_events SET received_at = received_at - 86400000, ended_at = received_at - 86400000",
    )
    .unwrap();
    inbox.knocker(&["retention", "--handled", "1h", "--limit", "5000"]).ok();
    let version = || conn.query_row("SELECT data_version FROM pragma_data_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = version();
    assert_eq!(inbox.knocker(&["retain"]).ok().stdout, "deleted 3000 events, 3000 deliveries, 0 attempts and 0 prune records\n");
    assert_ne!(version(), before);
    assert_eq!((inbox.count("knocker_events"), inbox.count("knocker_prunes")), (0, 1));
    let metrics = inbox.knocker(&["stats", "--prometheus"]).ok().stdout;
    assert!(metrics.contains("knocker_pruned_rows_total{table=\"events\"} 3000\n"), "{metrics}");
}

#[test]
fn an_endpoint_has_its_own_policy_until_it_is_removed() {
    let inbox = Inbox::with_events();
    assert!(inbox.knocker(&["retention", "-e", "orders", "--dead", "10m"]).ok().stdout.contains("endpoint orders: stored"));
    inbox.knocker(&["retention", "--handled", "30d"]).ok();
    let listed = inbox.knocker(&["retention"]).ok().stdout;
    assert!(listed.contains("(every other)  30 days"), "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("orders") && line.contains("10 minutes")), "{listed}");
    assert_eq!(inbox.knocker(&["retention", "--json"]).ok().json_lines()[1]["policy"]["dead_s"], 600);
    inbox.knocker(&["retention", "--remove"]).ok();
    assert!(inbox.knocker(&["retention", "-e", "orders", "--remove"]).ok().stdout.contains("endpoint orders: removed"));
    assert_eq!(inbox.knocker(&["retention"]).ok().stdout, "no policy is stored: everything is kept\n");
    assert_eq!(inbox.knocker(&["retain"]).ok().stdout, "no pass is due\n");
    assert_eq!(inbox.count("knocker_events"), 4);
}

#[test]
fn wrong_policies_are_refused() {
    let inbox = Inbox::with_events();
    inbox.knocker(&["retention", "-e", "orders"]).fails(2, "keeps everything", "--remove");
    inbox.knocker(&["retention", "--interval", "2h"]).fails(2, "keeps everything", "--remove");
    inbox.knocker(&["retention", "-e", "nope", "--handled", "1d"]).fails(3, "no endpoint \"nope\"", "endpoint list");
    inbox.knocker(&["retention", "--handled", "1d", "--limit", "0"]).fails(2, "limit: 0", "Correct");
    assert_eq!(inbox.knocker(&["retention", "--handled", "1d", "--remove"]).code, 2);
    assert_eq!(inbox.knocker(&["retention", "--handled", "a while"]).code, 2);
}
