//! `knocker init`.

use serde_json::json;

use crate::context::Context;
use crate::database;
use crate::failure::Result;

/// Creates the file and its schema, or migrates an older one.
pub fn run(context: &Context) -> Result {
    let path = context.db_path()?;
    let store = database::create(&path)?;
    let before = store.schema_version()?;
    let version = store.bootstrap(context.now)?;
    if context.out.json() {
        return context.out.document(&json!({"db": path.to_string_lossy(), "schema_version": version, "changed": before != version}));
    }
    let done = match before {
        0 => "created",
        before if before == version => "is up to date",
        _ => "migrated",
    };
    context.out.line(format_args!("{}: schema version {version} {done}", path.display()))
}
