//! Every verification case of `verification/`, through the loaded library.

use std::collections::{BTreeSet, HashSet};

use knocker_conformance::cases;
use knocker_conformance::counts;
use knocker_conformance::database::Database;
use knocker_conformance::verification::{Case, VerificationFile};

#[test]
fn every_verification_case_gets_its_verdict() {
    let files = cases::read("verification");
    let mut run = 0;
    let mut problems = Vec::new();
    let mut providers = BTreeSet::new();
    for file in &files {
        let parsed: VerificationFile =
            serde_json::from_value(file.content.clone()).unwrap_or_else(|error| panic!("{}: {error}", file.name));
        let mut names = HashSet::new();
        let database = Database::quick();
        for (index, case) in parsed.cases.iter().enumerate() {
            assert!(names.insert(&case.name), "{}: two cases are called {:?}", file.name, case.name);
            if let Err(problem) = case.run(&database, &parsed.provider, &format!("case-{index}")) {
                problems.push(format!("{}: {}: {problem}", file.name, case.name));
            }
            run += 1;
        }
        assert!(
            parsed.cases.iter().any(Case::has_further_request),
            "{}: no case says what a retry is and what another occurrence",
            file.name
        );
        providers.insert(parsed.provider);
        println!("{}: {} cases", file.name, parsed.cases.len());
    }
    println!("verification: {run} cases of {} files", files.len());
    assert_eq!(run, cases::count(&files, "cases"), "a case was not run");
    counts::write("verification", run);
    assert_eq!(providers, catalogue(), "a provider without cases, or cases without their provider");
    assert!(problems.is_empty(), "{} of {run} cases failed:\n{}", problems.len(), problems.join("\n"));
}

fn catalogue() -> BTreeSet<String> {
    let rows = Database::empty().rows("SELECT name FROM knocker_providers", &[]).unwrap();
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

/// What a whole list lacks would be a warning about a handler that runs.
#[test]
fn a_whole_list_of_types_has_each_that_occurs() {
    let whole = Database::empty().rows("SELECT name, types FROM knocker_providers WHERE types_closed", &[]).unwrap();
    let mut lacking = Vec::new();
    for file in cases::read("verification") {
        let Some(provider) = whole.iter().find(|provider| provider["name"] == file.content["provider"]) else { continue };
        for case in file.content["cases"].as_array().unwrap() {
            for expect in [&case["expect"], &case["then"]["expect"]] {
                for item in expect["items"].as_array().into_iter().flatten() {
                    let given = &item["type"];
                    if !given.is_null() && !provider["types"].as_array().unwrap().contains(given) {
                        lacking.push(format!("{} {given}", provider["name"]));
                    }
                }
            }
        }
    }
    assert!(whole.len() >= 10 && lacking.is_empty(), "{} whole lists, lacking {lacking:?}", whole.len());
}
