//! `knocker init`.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use crate::context::Context;
use crate::database;
use crate::failure::Result;
use crate::many;
use crate::printable::count;

/// What was done with a file.
#[derive(Serialize)]
struct Schema {
    #[serde(rename = "schema_version")]
    version: i64,
    changed: bool,
    #[serde(skip)]
    before: i64,
}

/// Creates the file and its schema, or migrates an older one. A pattern creates no file: it does so with those that are there.
pub fn run(context: &Context) -> Result {
    if let Some(files) = context.db_files()? {
        return run_many(context, &files);
    }
    let path = context.db_path()?;
    let schema = bootstrap(context)?;
    if context.out.json() {
        let Schema { version, changed, .. } = schema;
        return context.out.document(&json!({"db": path.to_string_lossy(), "schema_version": version, "changed": changed}));
    }
    context.out.line(format_args!("{}: {}", path.display(), schema.told()))
}

fn run_many(context: &Context, files: &[PathBuf]) -> Result {
    let (done, ended) = many::in_turn(context, files, |context| Ok((bootstrap(context)?, Ok(()))))?;
    let changed = done.done.iter().filter(|(_, schema)| schema.changed).count();
    if context.out.json() {
        done.document(context, json!({"changed": changed}))?;
    } else {
        for (file, schema) in done.done.iter().filter(|(_, schema)| schema.changed) {
            context.out.line(format_args!("{}: {}", many::name(file), schema.told()))?;
        }
        let rest = count((done.done.len() - changed) as i64, "file");
        context.out.line(format_args!("{} created or migrated, {rest} up to date", count(changed as i64, "file")))?;
    }
    ended.and(done.end(context))
}

fn bootstrap(context: &Context) -> Result<Schema> {
    let store = database::create(&context.db_path()?)?;
    let before = store.schema_version()?;
    let version = store.bootstrap(context.now)?;
    Ok(Schema { version, before, changed: before != version })
}

impl Schema {
    fn told(&self) -> String {
        let done = match self.before {
            0 => "created",
            before if before == self.version => "is up to date",
            _ => "migrated",
        };
        format!("schema version {} {done}", self.version)
    }
}
