//! The core of Knocker: webhook receipts stored, verified, deduped, queued and handled inside a SQLite database.

pub mod error;
pub mod providers;
pub mod request;
