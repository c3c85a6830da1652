//! Whether a connection is strict: then no call of it may read the system clock, so that the same statements give the same rows on every
//! machine that runs them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use knocker_core::{Error, Result};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};

use crate::arguments::Arguments;

/// The setting of one connection.
#[derive(Clone, Default)]
pub(crate) struct Strict(Arc<AtomicBool>);

impl Strict {
    /// Whether calls without `now` are refused.
    pub fn on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Registers `knocker_strict`, which never touches the file.
    pub fn register(&self, conn: &Connection, flags: FunctionFlags) -> rusqlite::Result<()> {
        let signature = knocker_core::signatures::Signature::find("knocker_strict").expect("it is in the table");
        for arguments in 0..=signature.optional.len() {
            let strict = self.clone();
            let set = move |ctx: &Context<'_>| Ok(strict.set(&Arguments::new(ctx, signature, strict.on()))?);
            conn.create_scalar_function(signature.name, arguments as i32, flags, set)?;
        }
        Ok(())
    }

    /// Sets what was given, and tells what holds now.
    fn set(&self, args: &Arguments) -> Result<i64> {
        match args.optional_whole(0, "on")? {
            None => {}
            Some(on @ (0 | 1)) => self.0.store(on == 1, Ordering::Relaxed),
            Some(other) => return Err(Error::invalid(format!("on: must be 0 or 1, not {other}"))),
        }
        Ok(self.on().into())
    }
}
