//! Every verification case of `verification/`, through the loaded library.

use std::collections::HashSet;

use knocker_conformance::cases;
use knocker_conformance::database::Database;
use knocker_conformance::verification::VerificationFile;

#[test]
fn every_verification_case_gets_its_verdict() {
    let files = cases::read("verification");
    let mut run = 0;
    let mut problems = Vec::new();
    for file in &files {
        let parsed: VerificationFile =
            serde_json::from_value(file.content.clone()).unwrap_or_else(|error| panic!("{}: {error}", file.name));
        let mut names = HashSet::new();
        for case in &parsed.cases {
            assert!(names.insert(&case.name), "{}: two cases are called {:?}", file.name, case.name);
            if let Err(problem) = case.run(&Database::quick(), &parsed.provider) {
                problems.push(format!("{}: {}: {problem}", file.name, case.name));
            }
            run += 1;
        }
        println!("{}: {} cases", file.name, parsed.cases.len());
    }
    println!("verification: {run} cases of {} files", files.len());
    assert_eq!(run, cases::count(&files, "cases"), "a case was not run");
    assert!(problems.is_empty(), "{} of {run} cases failed:\n{}", problems.len(), problems.join("\n"));
}
