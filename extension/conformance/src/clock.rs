//! A clock that SQL sees: `unixepoch()` of a connection replaced by a number that a test moves.
//!
//! Honker's functions ask `unixepoch()` for the time. With this they can be held against Knocker's, which are told it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

/// Seconds since 1970, moved by hand.
#[derive(Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// A clock that stands at this second.
    pub fn at(seconds: i64) -> Self {
        Self(Arc::new(AtomicI64::new(seconds)))
    }

    /// Replaces `unixepoch()` without arguments on this connection.
    pub fn install(&self, conn: &Connection) {
        let clock = self.clone();
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
        conn.create_scalar_function("unixepoch", 0, flags, move |_| Ok(clock.seconds())).expect("the function is replaced");
    }

    /// Moves it forward.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Where it stands.
    pub fn seconds(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The same in milliseconds.
    pub fn millis(&self) -> i64 {
        self.seconds() * 1000
    }
}
