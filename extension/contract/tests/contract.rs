//! The committed contract is the one of this build, and what it says of the views is what the file has.

use std::collections::BTreeMap;
use std::fs;

use knocker_contract::contract;
use knocker_core::Store;
use rusqlite::Connection;
use serde_json::Value;

#[test]
fn the_committed_contract_is_current() {
    let committed = fs::read_to_string(knocker_contract::PATH).unwrap();
    assert!(committed == knocker_contract::text(), "contract.json is not what the core says: run `make contract`");
}

#[test]
fn every_view_has_the_columns_that_the_contract_says() {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(0).unwrap();
    let views = serde_json::to_value(contract()).unwrap()["views"].clone();
    let mut described = BTreeMap::new();
    for view in views.as_array().unwrap() {
        let columns = view["columns"].as_array().unwrap().iter();
        let columns: Vec<_> = columns.map(|column| (text(&column["name"]), text(&column["type"]))).collect();
        described.insert(text(&view["name"]), columns);
    }
    let mut names = store.conn().prepare("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(described.keys().cloned().collect::<Vec<_>>(), names);
    for (view, columns) in described {
        let mut found = store.conn().prepare("SELECT name, type FROM pragma_table_info(?1) ORDER BY cid").unwrap();
        let found = found.query_map([&view], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
        let found: Vec<_> = found.map(Result::unwrap).collect();
        assert_eq!(columns.len(), found.len(), "{view}: {found:?}");
        for ((name, kind), (found_name, found_kind)) in columns.iter().zip(&found) {
            assert_eq!(name, found_name, "{view}");
            // An expression has no declared type.
            assert!(found_kind.is_empty() || kind == found_kind, "{view}.{name}: {kind} is {found_kind}");
        }
    }
}

#[test]
fn every_type_that_the_contract_names_stands_in_it() {
    let contract = serde_json::to_value(contract()).unwrap();
    let names = |part: &str| -> Vec<String> { contract[part].as_array().unwrap().iter().map(|one| text(&one["name"])).collect() };
    let builtin = ["text", "texts", "integer", "number", "boolean", "time", "bytes", "object", "headers"];
    let known: Vec<String> =
        ["lists", "records", "arguments"].iter().flat_map(|part| names(part)).chain(builtin.map(str::to_owned)).collect();
    let mut missing = Vec::new();
    for (part, members) in [("records", "fields"), ("arguments", "keys"), ("functions", "arguments")] {
        for one in contract[part].as_array().unwrap() {
            for member in one[members].as_array().unwrap() {
                let kind = text(&member["type"]);
                // A list of its own: part of another one.
                if !known.contains(&kind) && member["words"].is_null() {
                    missing.push(format!("{}.{}: {kind}", one["name"], member["name"]));
                }
                assert!(!text(&member["about"]).is_empty(), "{}.{} says nothing of itself", one["name"], member["name"]);
            }
        }
    }
    for function in contract["functions"].as_array().unwrap() {
        let kind = text(&function["result"]["type"]);
        if !known.contains(&kind) {
            missing.push(format!("{}: {kind}", function["name"]));
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn an_argument_lists_the_words_of_the_list_that_it_names() {
    let contract = serde_json::to_value(contract()).unwrap();
    let lists = contract["lists"].as_array().unwrap();
    for key in contract["arguments"].as_array().unwrap().iter().flat_map(|argument| argument["keys"].as_array().unwrap()) {
        let Some(list) = lists.iter().find(|list| list["name"] == key["type"]) else { continue };
        let words: Vec<_> = list["words"].as_array().unwrap().iter().map(|word| &word["name"]).collect();
        assert_eq!(words, key["words"].as_array().unwrap().iter().collect::<Vec<_>>(), "{key}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
