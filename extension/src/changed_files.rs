//! `knocker_changed_files`: what a connection was told of the files of each pattern lives and ends with that connection.

use std::sync::{Arc, Mutex, PoisonError};

use knocker_core::Result;
use knocker_core::changed_files::ChangedFiles;
use knocker_core::signatures::Signature;
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};

use crate::arguments::Arguments;

/// Registers it, without a store, which reads the file: it is about other files than the connection's own.
pub(crate) fn register(conn: &Connection, flags: FunctionFlags) -> rusqlite::Result<()> {
    let signature = Signature::find("knocker_changed_files").expect("it is in the table");
    let files = Arc::new(Mutex::new(ChangedFiles::default()));
    let call = move |ctx: &Context<'_>| Ok(since_last(&files, &Arguments::new(ctx, signature, false))?);
    conn.create_scalar_function(signature.name, signature.required.len() as i32, flags, call)
}

fn since_last(files: &Mutex<ChangedFiles>, args: &Arguments) -> Result<String> {
    let pattern = args.text(0)?;
    // SQLite lets one thread at a time into a connection, and this calls nothing of it.
    let paths = files.lock().unwrap_or_else(PoisonError::into_inner).since_last(pattern)?;
    Ok(serde_json::to_string(&paths).expect("texts are plain JSON"))
}
