//! Whether the file is a database with this build's schema, whole.

use knocker_core::schema::VERSION;

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;

pub const UNREADABLE: Code = Code::new("unreadable", Severity::Error);
pub const NO_SCHEMA: Code = Code::new("no_schema", Severity::Error);
pub const SCHEMA_OLDER: Code = Code::new("schema_older", Severity::Error);
pub const SCHEMA_NEWER: Code = Code::new("schema_newer", Severity::Error);
pub const TABLES_MISSING: Code = Code::new("tables_missing", Severity::Error);
pub const OBJECTS_MISSING: Code = Code::new("objects_missing", Severity::Error).repairable();
pub const CODES: &[Code] = &[UNREADABLE, NO_SCHEMA, SCHEMA_OLDER, SCHEMA_NEWER, TABLES_MISSING, OBJECTS_MISSING];

pub fn check(reading: &Reading) -> Vec<Finding> {
    let database = match &reading.database {
        Ok(database) => database,
        Err(error) => {
            let cure = format!(
                "Keep the file with its -wal as it is, copy them, and take the newest good backup: {}",
                reading.command("restore BACKUP")
            );
            return vec![UNREADABLE.found(format!("SQLite cannot read the file: {error}"), cure)];
        }
    };
    let found = match database.schema_version {
        0 if database.missing.is_empty() => {
            let what = "the file has no schema of Knocker: it is another file, or the table that says its version was dropped";
            NO_SCHEMA.found(what, format!("Compare the path with that of the application; for a new inbox: {}", reading.command("init")))
        }
        version if version < VERSION => SCHEMA_OLDER.found(
            format!("the schema has version {version}; this command and packages of its version use {VERSION}"),
            format!("Stop the processes of the older version, then: {}", reading.command("init")),
        ),
        version if version > VERSION => SCHEMA_NEWER.found(
            format!("the schema has version {version}, from a newer Knocker; this command and packages of its version know {VERSION} and refuse it"),
            "Upgrade the command, and the processes that still run the older version.",
        ),
        _ => return missing(reading, &database.missing),
    };
    vec![found]
}

fn missing(reading: &Reading, missing: &[(&str, &str)]) -> Vec<Finding> {
    let names =
        |table: bool| -> Vec<&str> { missing.iter().filter(|(kind, _)| (*kind == "TABLE") == table).map(|(_, name)| *name).collect() };
    let (tables, objects) = (names(true), names(false));
    let mut found = Vec::new();
    if !tables.is_empty() {
        found.push(TABLES_MISSING.found(
            format!("tables were dropped, with their rows: {}", tables.join(", ")),
            format!(
                "Stop what writes to the file and take the newest good backup: {}. A migration tool that did it: docs/migrations.md",
                reading.command("restore BACKUP")
            ),
        ));
    }
    // They go with their tables.
    if tables.is_empty() && !objects.is_empty() {
        let what = format!("missing of the schema, without rows of their own: {}", objects.join(", "));
        found.push(OBJECTS_MISSING.found(what, format!("Put them back: {}", reading.command("doctor --repair"))));
    }
    found
}
