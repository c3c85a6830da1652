//! A judgement says all that a receive would have stored: made on one connection and stored by another it leaves the same rows, it holds no
//! secret, it is refused where the settings have changed, and no bytes in its place do harm.

use knocker_conformance::call;
use knocker_conformance::database::{Database, argument};
use knocker_conformance::verification;
use rusqlite::types::Value as Sql;

const T: i64 = 1_767_225_600_000;

fn text(value: Sql) -> String {
    match value {
        Sql::Text(text) => text,
        other => panic!("not a text: {other:?}"),
    }
}

fn bytes(value: Sql) -> Vec<u8> {
    match value {
        Sql::Blob(bytes) => bytes,
        other => panic!("not a BLOB: {other:?}"),
    }
}

fn rows(database: &Database) -> Vec<String> {
    let views = ["knocker_deliveries", "knocker_events", "_knocker_minutes", "_knocker_refusals"];
    views.into_iter().flat_map(|view| database.rows(&format!("SELECT * FROM {view}"), &[]).unwrap()).map(|row| row.to_string()).collect()
}

#[test]
fn every_request_of_the_verification_data_is_stored_by_another_connection_as_receive_would() {
    let mut compared = 0;
    for (provider, cases) in verification::by_provider() {
        let (at_once, apart) = (Database::quick(), Database::quick());
        let reader = Database::open_read_only(apart.path());
        // Where statements are replicated, the secrets stay with a connection that is not.
        let memory = Database::in_memory();
        for (number, case) in cases.iter().enumerate() {
            let endpoint = format!("case-{number}");
            for database in [&at_once, &apart, &memory] {
                call!(database, "knocker_endpoint", endpoint.as_str(), case.config(&provider), T).unwrap();
            }
            let (request, body, secrets) = (case.request(), case.body(), case.secrets());
            let (name, request, secrets) = (endpoint.as_str(), request.as_str(), secrets.as_str());
            let receipt = text(call!(at_once, "knocker_receive", name, request, body.clone(), secrets, case.now).unwrap());

            let before = apart.number("SELECT count(*) FROM knocker_deliveries");
            let judgement = bytes(call!(reader, "knocker_judge", name, request, body.clone(), secrets, case.now).unwrap());
            let elsewhere = bytes(call!(memory, "knocker_judge", name, request, body, secrets, case.now).unwrap());
            assert_eq!(elsewhere, judgement, "{provider}: {}: judged otherwise on a connection in memory", case.name);
            // Their handshakes bring the secret.
            if !["asana", "notion"].contains(&provider.as_str()) {
                for secret in case.long_secrets() {
                    let found = judgement.windows(secret.len()).any(|window| window == secret.as_bytes());
                    assert!(!found, "{provider}: {}: a secret is in the judgement", case.name);
                }
            }
            assert_eq!(apart.number("SELECT count(*) FROM knocker_deliveries"), before, "{provider}: {}: judging wrote", case.name);
            assert_eq!(text(call!(apart, "knocker_store", name, judgement, case.now).unwrap()), receipt, "{provider}: {}", case.name);
            compared += 1;
        }
        assert_eq!(rows(&apart), rows(&at_once), "{provider}");
    }
    println!("{compared} requests judged apart");
    assert!(compared > 500, "only {compared}");
}

#[test]
fn trusted_ingress_is_attested_apart_as_well() {
    for (fields, body) in [
        (r#"{"valid": true, "type": "order", "key": "k1"}"#, "{}"),
        (
            r#"{"valid": true, "provider_event_id": "e", "provider_delivery_id": "d", "url": "/x?token=1", "headers": {"authorization": "x"}}"#,
            "",
        ),
        (r#"{"valid": false, "reason": "bad_signature", "detail": "not theirs"}"#, "{}"),
        (r#"{"valid": true}"#, "0123456789"),
    ] {
        let (at_once, apart) = (Database::quick(), Database::quick());
        for database in [&at_once, &apart] {
            call!(database, "knocker_endpoint", "in", r#"{"max_body_bytes": 9}"#, T).unwrap();
        }
        let receipt = call!(at_once, "knocker_ingest", "in", fields, body, T).unwrap();
        let judgement = call!(Database::open_read_only(apart.path()), "knocker_attest", "in", fields, body, T).unwrap();
        assert_eq!(text(call!(apart, "knocker_store", "in", judgement, T).unwrap()), text(receipt), "{fields}");
        assert_eq!(rows(&apart), rows(&at_once), "{fields}");
    }
}

#[test]
fn one_made_under_other_settings_or_for_another_endpoint_is_refused_and_judged_again() {
    let database = Database::quick();
    for name in ["a", "b"] {
        call!(database, "knocker_endpoint", name, r#"{"provider": "token", "options": {"header": "x-t"}}"#, T).unwrap();
    }
    let judge = || call!(database, "knocker_judge", "a", r#"{"headers": {"x-t": "test-secret"}}"#, "{}", r#"["test-secret"]"#, T).unwrap();
    let store = |name: &str, judgement: Sql| call!(database, "knocker_store", name, judgement, T);

    let judgement = judge();
    assert_eq!(store("b", judgement.clone()).unwrap_err().code, "stale_judgement");
    call!(database, "knocker_endpoint", "b", r#"{"max_attempts": 3}"#, T).unwrap();
    store("a", judgement.clone()).expect("another endpoint's settings do not matter");

    call!(database, "knocker_endpoint", "a", r#"{"enabled": false}"#, T).unwrap();
    let failure = store("a", judgement.clone()).unwrap_err();
    assert!(failure.code == "stale_judgement" && failure.text.contains("judge the request again"), "{failure}");
    assert_eq!(database.number("SELECT count(*) FROM knocker_deliveries"), 1);
    assert!(text(store("a", judge()).unwrap()).contains("disabled"));
    call!(database, "knocker_endpoint", "a", r#"{"enabled": true}"#, T).unwrap();
    assert!(text(store("a", judgement).unwrap()).contains(r#""outcome":"accepted""#), "the settings are those that it was made under");
}

#[test]
fn settings_that_another_process_changed_cost_one_refusal_and_are_then_seen() {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "a", r#"{"provider": "token", "options": {"header": "x-t"}}"#, T).unwrap();
    let reader = Database::open_read_only(database.path());
    let judge = || call!(reader, "knocker_judge", "a", r#"{"headers": {"x-t": "test-secret"}}"#, "{}", r#"["test-secret"]"#, T).unwrap();
    judge();
    // As another process would: nothing in this one is told.
    database.conn.execute_batch("UPDATE _knocker_endpoints SET config = json_set(config, '$.enabled', json('false'))").unwrap();
    let mut refused = 0;
    let receipt = loop {
        match call!(database, "knocker_store", "a", judge(), T) {
            Ok(receipt) => break text(receipt),
            Err(failure) => assert_eq!((failure.code.as_str(), refused), ("stale_judgement", 0), "{failure}"),
        }
        refused += 1;
    };
    assert!(receipt.contains("disabled"), "{receipt}");
}

#[test]
fn the_bytes_of_another_version_are_stale_and_other_bytes_are_refused() {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "in", r#"{"provider": "line"}"#, T).unwrap();
    let judgement = bytes(call!(database, "knocker_attest", "in", r#"{"valid": true, "key": "k"}"#, "body", T).unwrap());
    let as_text = String::from_utf8(judgement.clone()).unwrap();
    let store = |bytes: Vec<u8>| call!(database, "knocker_store", "in", bytes, T);

    let newer = as_text.replacen(r#"{"format":2"#, r#"{"format":3,"news":true"#, 1);
    assert_ne!(newer, as_text);
    assert_eq!(store(newer.into_bytes()).unwrap_err().code, "stale_judgement");

    let mut accepted = 0;
    for at in 0..judgement.len() {
        let mut shorter = judgement.clone();
        shorter.truncate(at);
        let mut flipped = judgement.clone();
        flipped[at] ^= 0x11;
        for bytes in [shorter, flipped] {
            match store(bytes) {
                Ok(_) => accepted += 1,
                Err(failure) => {
                    assert!(matches!(failure.code.as_str(), "invalid_argument" | "stale_judgement"), "{failure}");
                }
            }
        }
    }
    assert_eq!(database.number("SELECT count(*) FROM knocker_deliveries"), accepted);
    for value in [Sql::Null, Sql::Integer(1), Sql::Text(String::new()), Sql::Text("{}\n".into()), Sql::Blob(vec![b'\n'; 10])] {
        assert_eq!(call!(database, "knocker_store", "in", argument(value), T).unwrap_err().code, "invalid_argument");
    }
}

#[test]
fn a_judgement_that_no_request_could_have_led_to_is_refused() {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "in", r#"{"max_batch_events": 2}"#, T).unwrap();
    let attest = |fields: &str| String::from_utf8(bytes(call!(database, "knocker_attest", "in", fields, "body", T).unwrap())).unwrap();
    let (valid, invalid) = (attest(r#"{"valid": true, "key": "k"}"#), attest(r#"{"valid": false, "reason": "bad_signature"}"#));
    for (judgement, was, is) in [
        (&valid, "\nbody", "\nbod"),
        (&valid, "\nbody", "\nbody and more"),
        (&valid, r#""kept":4"#, r#""kept":null"#),
        (&valid, r#"[[null,"k",null,0]]"#, r#"[[null,"k",3,2]]"#),
        (&valid, r#"[[null,"k",null,0]]"#, r#"[[null,"k",18446744073709551615,18446744073709551615]]"#),
        (&valid, r#"[[null,"k",null,0]]"#, r#"[[null,"a",0,1],[null,"b",1,1],[null,"c",2,1]]"#),
        (&valid, r#""body_size":4"#, r#""body_size":18446744073709551615"#),
        (&valid, r#""body_sha256":null"#, r#""body_sha256":"0""#),
        (&valid, r#""headers":{}"#, r#""headers":[1]"#),
        (&valid, r#""outcome":"accepted""#, r#""outcome":"invalid""#),
        (&invalid, r#""reason":"bad_signature""#, r#""reason":"because""#),
    ] {
        let forged = judgement.replacen(was, is, 1);
        assert_ne!(&forged, judgement, "{was}");
        assert_eq!(call!(database, "knocker_store", "in", forged, T).unwrap_err().code, "invalid_argument", "{is}");
    }
    assert_eq!(database.number("SELECT count(*) FROM knocker_deliveries"), 0);
    let long = "u".repeat(100_000);
    let texts = invalid.replacen(r#""url":"/""#, &format!(r#""url":"{long}""#), 1).replacen("POST", &long, 1);
    call!(database, "knocker_store", "in", texts, T).unwrap();
    assert_eq!(database.number("SELECT length(url) + length(method) FROM knocker_deliveries"), 8192 + 64);
}

#[test]
fn an_endless_name_costs_nothing_and_is_not_repeated() {
    let database = Database::quick();
    for number in 0..200 {
        call!(database, "knocker_endpoint", format!("endpoint-{number}"), "{}", T).unwrap();
    }
    let name = "x".repeat(1_000_000);
    database.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    for failure in [
        call!(database, "knocker_receive", name.as_str(), "{}", "", "[]", T).unwrap_err(),
        call!(database, "knocker_ingest", name.as_str(), "{}", "", T).unwrap_err(),
        call!(database, "knocker_judge", name.as_str(), "{}", "", "[]", T).unwrap_err(),
        call!(database, "knocker_endpoint", name.as_str(), "{}", T).unwrap_err(),
        call!(database, "knocker_endpoint", "endpoint-1", format!(r#"{{"{name}": 1}}"#), T).unwrap_err(),
        call!(database, "knocker_endpoint", "endpoint-1", format!(r#"{{"provider": "{name}"}}"#), T).unwrap_err(),
    ] {
        assert!(failure.text.len() < 1000, "{} bytes of text", failure.text.len());
    }
    // Under the lock nobody looks for what may have been meant; outside of it somebody does.
    let within = call!(database, "knocker_receive", "endpont-1", "{}", "", "[]", T).unwrap_err();
    database.conn.execute_batch("COMMIT").unwrap();
    let outside = call!(database, "knocker_receive", "endpont-1", "{}", "", "[]", T).unwrap_err();
    assert!(!within.text.contains("did you mean") && outside.text.contains("did you mean"), "{within}; {outside}");
}
