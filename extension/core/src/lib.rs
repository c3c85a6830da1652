//! The core of Knocker: webhook receipts stored, verified, deduped, queued and handled inside a SQLite database.
//!
//! Everything goes through a [`store::Store`], which owns one connection:
//!
//! ```
//! use knocker_core::providers::Secrets;
//! use knocker_core::request::Request;
//! use knocker_core::store::Store;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::new(rusqlite::Connection::open_in_memory()?);
//! let now = 1_767_225_600_000;
//! store.bootstrap(now)?;
//! store.endpoint("orders", r#"{"provider": "token", "options": {"header": "x-token"}}"#, now)?;
//!
//! let request = Request::parse(r#"{"headers": {"x-token": "test-secret"}}"#, br#"{"id": 1}"#)?;
//! let receipt = store.receive("orders", &request, &Secrets::parse(r#"["test-secret"]"#)?, now)?;
//! assert_eq!(receipt.outcome.name(), "accepted");
//! assert_eq!(store.stats(now)?.events.received, 1);
//! # Ok(())
//! # }
//! ```
//!
//! The SQL functions of the extension are thin layers over the methods of `Store`; what they promise stands in `docs/sql.md`.

mod arguments;
pub mod attempt;
pub mod backoff;
pub mod bulk;
pub mod changed_files;
pub mod chunks;
pub mod claim;
mod claim_filter;
pub mod conditions;
#[cfg(feature = "contract")]
pub mod contract;
mod deletion;
mod due;
mod durations;
pub mod endpoint;
mod endpoints;
pub mod error;
mod event_notes;
mod event_times;
mod expiry;
pub mod forms;
pub mod health;
pub mod import;
pub mod ingest;
mod item_rows;
pub mod judgement;
mod judgement_bytes;
mod judging;
mod lease;
mod leased;
pub mod lifecycle;
pub mod metrics;
pub mod minutes;
pub mod operate;
pub mod providers;
mod prunable;
pub mod prune;
mod prune_record;
mod queue;
mod queues;
pub mod receipt;
pub mod receive;
pub mod refusals;
pub mod request;
pub mod retention;
pub mod schema;
mod seen;
mod selection;
pub mod settings;
pub mod signatures;
pub mod stats;
pub mod store;
mod totals;
mod unpacked;
mod verifier;
mod words;

pub use error::{Code, Error, Result};
pub use store::Store;

/// The version of Knocker: one for the extension, the command and every package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// [`VERSION`], for those who ask at run time. It is kept between words by which the release finds it in a file of another platform, which it cannot ask.
pub fn version() -> &'static str {
    const MARK: &str = concat!("knocker-version/", env!("CARGO_PKG_VERSION"), ";");
    // Else the compiler leaves the words out, which nothing reads.
    &std::hint::black_box(MARK)["knocker-version/".len()..MARK.len() - 1]
}
