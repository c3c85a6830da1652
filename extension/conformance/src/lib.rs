//! The conformance data run against the real thing: the built library, loaded by SQLite into a connection on a real file.
//!
//! - [`library`] finds the library, and builds it where nobody names one.
//! - [`database`] opens files and calls the SQL functions.
//! - [`cases`] reads the data files of this folder; its README describes their formats.
//! - [`clock`] replaces the clock that SQL sees.
//! - [`contract`] reads what the core says of itself, [`sql_page`] the promises of `docs/sql.md`.
//! - [`verification`] and [`scenario`] run them, [`matching`] compares what comes back, [`samples`] reads metrics, [`counts`] tells how many ran.
//! - [`acknowledgements`] and [`worker`] are what the test processes of the kill and contention tests share.
//! - [`writing`] has a call of every function that writes, for tests that disturb them.
//! - [`promises`] holds a file against what was acknowledged, [`crash`] makes the files that a power cut or a failing disk leaves.
//! - [`invariants`] says what must hold in every file, whatever happened to the processes that wrote it.

pub mod acknowledgements;
pub mod cases;
pub mod clock;
pub mod contract;
pub mod counts;
#[cfg(target_os = "linux")]
pub mod crash;
pub mod database;
pub mod invariants;
pub mod library;
pub mod matching;
pub mod promises;
pub mod samples;
pub mod scenario;
pub mod sql_page;
pub mod verification;
pub mod worker;
pub mod writing;
