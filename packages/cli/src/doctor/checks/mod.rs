//! The checks: each a function of what was read.

pub mod clock;
pub mod dead;
pub mod file_system;
pub mod handlers;
pub mod leases;
pub mod permissions;
pub mod processes;
pub mod publishers;
pub mod queue;
pub mod retention;
pub mod schema;
pub mod traffic;
pub mod wal;

use super::finding::{Code, Finding};
use super::reading::Reading;

/// A check, and the codes of what it may find.
type Check = (fn(&Reading) -> Vec<Finding>, &'static [Code]);

const ALL: &[Check] = &[
    (schema::check, schema::CODES),
    (file_system::check, file_system::CODES),
    (permissions::check, permissions::CODES),
    (processes::check, processes::CODES),
    (wal::check, wal::CODES),
    (queue::check, queue::CODES),
    (leases::check, leases::CODES),
    (publishers::check, publishers::CODES),
    (traffic::check, traffic::CODES),
    (dead::check, dead::CODES),
    (handlers::check, handlers::CODES),
    (clock::check, clock::CODES),
    (retention::check, retention::CODES),
];

/// What all of them find, the worst first.
pub fn run(reading: &Reading) -> Vec<Finding> {
    let mut findings: Vec<Finding> = ALL
        .iter()
        .flat_map(|(check, codes)| {
            let found = check(reading);
            debug_assert!(found.iter().all(|finding| codes.contains(&finding.code)));
            found
        })
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Every code, in the order of the checks.
#[cfg(test)]
pub fn codes() -> impl Iterator<Item = Code> {
    ALL.iter().flat_map(|(_, codes)| codes.iter().copied()).chain(super::integrity::CODES.iter().copied())
}
