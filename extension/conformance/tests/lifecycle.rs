//! Every lifecycle scenario of `lifecycle/`, through the loaded library, each on a file of its own.

use std::collections::HashSet;

use knocker_conformance::cases;
use knocker_conformance::contract::Contract;
use knocker_conformance::counts;
use knocker_conformance::database::Database;
use knocker_conformance::invariants;
use knocker_conformance::scenario::LifecycleFile;

#[test]
fn every_lifecycle_scenario_runs_as_told() {
    let contract = Contract::get();
    let files = cases::read("lifecycle");
    let (mut run, mut steps) = (0, 0);
    let mut problems = Vec::new();
    for file in &files {
        let parsed: LifecycleFile = serde_json::from_value(file.content.clone()).unwrap_or_else(|error| panic!("{}: {error}", file.name));
        let mut names = HashSet::new();
        for scenario in &parsed.scenarios {
            assert!(names.insert(&scenario.name), "{}: two scenarios are called {:?}", file.name, scenario.name);
            let database = Database::quick();
            let outcome = scenario
                .run(&database, &parsed.values)
                .and_then(|()| invariants::check(&database))
                .and_then(|()| rows_are_as_the_contract_says(contract, &database));
            if let Err(problem) = outcome {
                problems.push(format!("{}: {}: {problem}", file.name, scenario.name));
            }
            run += 1;
            steps += scenario.steps();
        }
        println!("{}: {} scenarios", file.name, parsed.scenarios.len());
    }
    println!("lifecycle: {run} scenarios, {steps} steps, of {} files", files.len());
    assert_eq!(run, cases::count(&files, "scenarios"), "a scenario was not run");
    counts::write("lifecycle", run);
    assert!(problems.is_empty(), "{} of {run} scenarios failed:\n{}", problems.len(), problems.join("\n"));
}

fn rows_are_as_the_contract_says(contract: &Contract, database: &Database) -> Result<(), String> {
    for view in contract.views() {
        let rows = database.rows(&format!("SELECT * FROM {view}"), &[]).map_err(|failure| failure.text)?;
        rows.iter().try_for_each(|row| contract.check_row(view, row))?;
    }
    Ok(())
}
