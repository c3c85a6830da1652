//! What the metrics say, and what they go on saying.

use std::collections::BTreeMap;

use knocker_core::claim::ClaimFilter;
use knocker_core::ingest::IngestFields;
use knocker_core::metrics::{METRICS, MetricsFormat};
use knocker_core::providers::Secrets;
use knocker_core::request::Request;
use knocker_core::{Code, Store};
use rusqlite::Connection;

const NOW: i64 = 1_767_225_600_000;
const MINUTE: i64 = 60_000;

fn store() -> Store {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(NOW).unwrap();
    store.endpoint("orders", r#"{"max_attempts": 2, "invalid_per_hour": 2}"#, NOW).unwrap();
    store
}

fn ingest(store: &Store, fields: &str, now: i64) {
    store.ingest("orders", &IngestFields::parse(fields).unwrap(), b"{}", now).unwrap();
}

fn claim(store: &Store, now: i64) -> i64 {
    assert_eq!(store.claim("w", 1, 60, &ClaimFilter::default(), now).unwrap(), 1);
    store.conn().query_row("SELECT job_id FROM knocker_jobs WHERE worker = 'w'", [], |row| row.get(0)).unwrap()
}

/// The samples, by name and labels.
fn samples(store: &Store, now: i64) -> BTreeMap<String, f64> {
    let text = store.metrics(MetricsFormat::Prometheus, None, now).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap());
    lines.map(|(series, number)| (series.to_owned(), number.parse().unwrap())).collect()
}

fn of(samples: &BTreeMap<String, f64>, series: &str) -> f64 {
    *samples.get(series).unwrap_or_else(|| panic!("{series} is none of {:#?}", samples.keys()))
}

/// Receipts of every outcome, attempts of every result, a prune.
fn story(store: &Store) {
    for key in ["a", "a", "b", "c", "d"] {
        ingest(store, &format!(r#"{{"valid": true, "key": "{key}"}}"#), NOW);
    }
    for reason in ["bad_signature", "bad_signature", "bad_signature", "no_secret"] {
        ingest(store, &format!(r#"{{"valid": false, "reason": "{reason}"}}"#), NOW);
    }
    store.endpoint("large", r#"{"provider": "github", "max_body_bytes": 1}"#, NOW).unwrap();
    store.endpoint("closed", r#"{"provider": "github", "enabled": false}"#, NOW).unwrap();
    for endpoint in ["large", "closed"] {
        let request = Request::parse(r#"{"headers": {}}"#, b"{}").unwrap();
        store.receive(endpoint, &request, &Secrets::from_strings(["s"]), NOW).unwrap();
    }
    store.handled(claim(store, NOW), "w", 7, NOW).unwrap();
    store.failed(claim(store, NOW), "w", "boom", 400_000, &Default::default(), NOW).unwrap();
    store.skipped(claim(store, NOW), "w", "a test", 10, NOW).unwrap();
    claim(store, NOW);
    // The lease runs out, and the failed one is due: it has no attempt left after this one.
    let later = NOW + 10 * MINUTE;
    store.failed(claim(store, later), "w", "boom", 30, &Default::default(), later).unwrap();
    store.prune_deliveries(r#"{"older_than_s": 1}"#, later).unwrap();
}

#[test]
fn receipts_attempts_and_prunes_are_counted_by_what_they_were() {
    let store = store();
    story(&store);
    let samples = samples(&store, NOW + 10 * MINUTE);
    for (series, expected) in [
        (r#"knocker_receipts_total{endpoint="orders",outcome="accepted"}"#, 4.0),
        (r#"knocker_receipts_total{endpoint="orders",outcome="duplicate"}"#, 1.0),
        (r#"knocker_receipts_total{endpoint="orders",outcome="invalid"}"#, 2.0),
        (r#"knocker_receipts_total{endpoint="orders",outcome="limited"}"#, 2.0),
        (r#"knocker_receipts_total{endpoint="large",outcome="too_large"}"#, 1.0),
        (r#"knocker_receipts_total{endpoint="closed",outcome="disabled"}"#, 1.0),
        (r#"knocker_refusals_total{endpoint="orders",reason="bad_signature"}"#, 3.0),
        (r#"knocker_refusals_total{endpoint="orders",reason="no_secret"}"#, 1.0),
        (r#"knocker_refusals_total{endpoint="large",reason="too_large"}"#, 1.0),
        (r#"knocker_refusals_total{endpoint="closed",reason="disabled"}"#, 1.0),
        (r#"knocker_endpoint_enabled{endpoint="closed",provider="github"}"#, 0.0),
        (r#"knocker_attempts_total{endpoint="orders",result="handled"}"#, 1.0),
        (r#"knocker_attempts_total{endpoint="orders",result="failed"}"#, 1.0),
        (r#"knocker_attempts_total{endpoint="orders",result="ignored"}"#, 1.0),
        (r#"knocker_attempts_total{endpoint="orders",result="dead"}"#, 1.0),
        (r#"knocker_attempts_total{endpoint="orders",result="lease_expired"}"#, 1.0),
        (r#"knocker_lease_expiries_total{endpoint="orders"}"#, 1.0),
        (r#"knocker_handler_duration_seconds_bucket{endpoint="orders",le="0.005"}"#, 0.0),
        (r#"knocker_handler_duration_seconds_bucket{endpoint="orders",le="0.01"}"#, 2.0),
        (r#"knocker_handler_duration_seconds_bucket{endpoint="orders",le="0.05"}"#, 3.0),
        (r#"knocker_handler_duration_seconds_bucket{endpoint="orders",le="300.0"}"#, 3.0),
        (r#"knocker_handler_duration_seconds_bucket{endpoint="orders",le="+Inf"}"#, 4.0),
        (r#"knocker_handler_duration_seconds_sum{endpoint="orders"}"#, 400.047),
        (r#"knocker_events{endpoint="orders",status="dead"}"#, 1.0),
        (r#"knocker_events{endpoint="orders",status="failed"}"#, 1.0),
        (r#"knocker_prunes_total{kind="deliveries"}"#, 1.0),
        (r#"knocker_pruned_rows_total{table="deliveries"}"#, 5.0),
    ] {
        assert_eq!(of(&samples, series), expected, "{series}");
    }
}

#[test]
fn counters_only_grow_through_prunes_and_over_the_hours_and_a_clock_that_is_set_back() {
    let store = store();
    story(&store);
    let counters = |now| samples(&store, now).into_iter().filter(|(series, _)| series.contains("_total{")).collect::<BTreeMap<_, _>>();
    let mut before = counters(NOW);
    // Each step comes into places of the ring that hold other minutes.
    for (step, now) in [NOW + 60 * MINUTE, NOW + 121 * MINUTE, NOW, NOW + 180 * MINUTE].into_iter().enumerate() {
        for minute in 0..70 {
            ingest(&store, r#"{"valid": true}"#, now + minute * MINUTE);
            ingest(&store, r#"{"valid": false, "reason": "not_allowed"}"#, now + minute * MINUTE);
        }
        store.prune_events(r#"{"older_than_s": 1, "status": ["handled", "ignored", "dead"]}"#, now).unwrap();
        store.prune_deliveries(r#"{"older_than_s": 0}"#, now + 70 * MINUTE).unwrap();
        let after = counters(now);
        assert!(before.iter().all(|(series, n)| after[series] >= *n), "step {step}");
        let grown = |series: &str| after[series] - before[series];
        assert_eq!(grown(r#"knocker_receipts_total{endpoint="orders",outcome="accepted"}"#), 70.0, "step {step}");
        assert_eq!(grown(r#"knocker_refusals_total{endpoint="orders",reason="not_allowed"}"#), 70.0, "step {step}");
        before = after;
    }
}

#[test]
fn what_is_told_is_what_stands_in_the_table_and_once() {
    let store = store();
    let receives = r#"{"orders": {"within": [1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "sum_us": 7000500}}"#;
    let text = store.metrics(MetricsFormat::Openmetrics, Some(receives), NOW).unwrap();
    let told: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).map(|(name, _)| name).collect();
    let names: Vec<&str> = METRICS.iter().map(|metric| metric.name.trim_end_matches("_total")).collect();
    assert_eq!(told, names);
    for line in [
        r#"knocker_receive_duration_seconds_bucket{endpoint="orders",le="0.0005"} 1"#,
        r#"knocker_receive_duration_seconds_bucket{endpoint="orders",le="5.0"} 3"#,
        r#"knocker_receive_duration_seconds_bucket{endpoint="orders",le="+Inf"} 4"#,
        r#"knocker_receive_duration_seconds_sum{endpoint="orders"} 7.0005"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    for receives in ["[]", r#"{"orders": {"within": [1], "sum_us": 1}}"#, r#"{"orders": {"within": [], "sum_us": 1, "more": 1}}"#] {
        assert_eq!(store.metrics(MetricsFormat::Prometheus, Some(receives), NOW).unwrap_err().code(), Code::InvalidArgument, "{receives}");
    }
    assert_eq!(MetricsFormat::parse("json").unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn the_file_and_its_log_are_measured() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("app.db");
    let store = Store::new(Connection::open(&path).unwrap());
    store.conn().query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    store.bootstrap(NOW).unwrap();
    let log = std::fs::metadata(folder.path().join("app.db-wal")).unwrap().len();
    let samples = samples(&store, NOW);
    assert_eq!(of(&samples, "knocker_wal_bytes"), log as f64);
    assert!(of(&samples, "knocker_database_bytes") > 0.0);
}

#[test]
fn a_file_of_an_older_version_starts_with_what_it_has() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schema");
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.conn().execute_batch(&std::fs::read_to_string(folder.join("v2.sql")).unwrap()).unwrap();
    store.bootstrap(NOW).unwrap();
    let samples = samples(&store, NOW);
    for (series, expected) in [
        (r#"knocker_receipts_total{endpoint="orders",outcome="accepted"}"#, 4.0),
        (r#"knocker_receipts_total{endpoint="orders",outcome="duplicate"}"#, 1.0),
        (r#"knocker_receipts_total{endpoint="orders",outcome="invalid"}"#, 2.0),
        (r#"knocker_receipts_total{endpoint="shop",outcome="too_large"}"#, 1.0),
        (r#"knocker_receipts_total{endpoint="shop",outcome="disabled"}"#, 1.0),
        (r#"knocker_refusals_total{endpoint="orders",reason="unspecified"}"#, 1.0),
        (r#"knocker_refusals_total{endpoint="shop",reason="missing_header"}"#, 1.0),
        (r#"knocker_refusals_total{endpoint="shop",reason="too_large"}"#, 1.0),
        (r#"knocker_attempts_total{endpoint="orders",result="dead"}"#, 1.0),
        (r#"knocker_handler_duration_seconds_bucket{endpoint="orders",le="0.025"}"#, 1.0),
        (r#"knocker_handler_duration_seconds_bucket{endpoint="orders",le="1.0"}"#, 2.0),
        (r#"knocker_handler_duration_seconds_bucket{endpoint="orders",le="+Inf"}"#, 3.0),
        (r#"knocker_prunes_total{kind="deliveries"}"#, 1.0),
    ] {
        assert_eq!(of(&samples, series), expected, "{series}");
    }
}

#[test]
fn nothing_that_a_stranger_sends_makes_a_series() {
    let store = store();
    let before: Vec<String> = samples(&store, NOW).into_keys().collect();
    for index in 0..200 {
        let odd = format!("\\\"}} 1\\n{index}\\u001b[2J");
        let fields = format!(
            r#"{{"valid": {}, "key": "{odd}", "type": "{odd}", "provider_event_id": "{odd}", "method": "{odd}", "url": "/{odd}"}}"#,
            index % 2 == 0
        );
        ingest(&store, &fields, NOW);
        assert!(store.ingest(&format!("x{index}"), &IngestFields::parse(&fields).unwrap(), b"{}", NOW).is_err());
    }
    store.failed(claim(&store, NOW), "w\"} 1\n", "boom", 1, &Default::default(), NOW).unwrap_err();
    store.failed(claim(&store, NOW), "w", "boom\"} 1\n", 1, &Default::default(), NOW).unwrap();
    assert_eq!(samples(&store, NOW).into_keys().collect::<Vec<_>>(), before);
}
