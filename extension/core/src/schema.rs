//! The schema: one `.sql` file of tables a version, one of everything that holds no data, a recorded version, and a migration in one
//! transaction.

use std::collections::HashSet;

use crate::error::{Code, Error, Result};
use crate::store::Store;

/// The migrations, oldest first: entry n leads to version n + 1.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
    include_str!("schema/v5.sql"),
];
/// The indexes, triggers and views of the newest version. A migration drops the triggers and views, so that it can change what is under them.
const OBJECTS: &str = include_str!("schema/objects.sql");
/// Honker's tables that jobs live in.
const QUEUE_TABLES: [&str; 2] = ["_honker_live", "_honker_dead"];

/// The version that this build reads and writes.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// The same statements, each view in one line: tools for migrations read the definitions of views, and that of Drizzle only as far as the first line
/// goes.
fn with_views_in_one_line(statements: &str) -> String {
    let mut text = String::with_capacity(statements.len());
    let mut is_view = false;
    for line in statements.lines() {
        is_view = is_view || line.starts_with("CREATE VIEW");
        if is_view {
            text.push_str(line.trim());
            is_view = !line.ends_with(';');
            text.push(if is_view { ' ' } else { '\n' });
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

impl Store {
    /// Creates or migrates the schema in one transaction and returns its version. Puts back indexes, triggers and views that are missing.
    ///
    /// Idempotent, and safe when many processes call it at once: each looks again after it has the write lock.
    ///
    /// # Errors
    /// [`Code::SchemaTooNew`] for a file that a newer version wrote; [`Code::SchemaIncomplete`] where tables are missing;
    /// [`Code::ReadOnly`], [`Code::Busy`] and the like from the database.
    pub fn bootstrap(&self, now: i64) -> Result<i64> {
        if self.schema_version()? == VERSION && self.is_complete()? {
            return Ok(VERSION);
        }
        self.atomic(|| {
            let mut found = self.schema_version()?;
            refuse_newer(found)?;
            if found == 0 {
                self.drop_empty_copy()?;
                honker_core::bootstrap_honker_schema(self.conn()).map_err(honker_error)?;
                found = self.version_of_tables()?;
                // Some of them, without the one that says the version: what was lost with it is not to be guessed.
                if found == 0 && self.names()?.iter().any(|name| created(MIGRATIONS[0]).any(|(_, own)| own == name)) {
                    self.require_tables()?;
                }
                for version in 1..=found {
                    self.record_version(version, now)?;
                }
            }
            self.drop_objects()?;
            for version in found + 1..=VERSION {
                self.conn().execute_batch(MIGRATIONS[version as usize - 1])?;
                self.record_version(version, now)?;
            }
            self.require_tables()?;
            self.conn().execute_batch(&with_views_in_one_line(OBJECTS))?;
            self.index_many_queues()?;
            Ok(VERSION)
        })
    }

    /// The newest version whose tables and columns are all there. Tools that copy a schema without its rows leave a file that has the tables and records no
    /// version.
    fn version_of_tables(&self) -> Result<i64> {
        let there = self.names()?;
        let mut version = 0;
        for migration in MIGRATIONS {
            if !created(migration).all(|(_, name)| there.contains(name)) {
                break;
            }
            for (table, column) in added(migration) {
                if !self.has("SELECT 1 FROM main.pragma_table_info(?1) WHERE name = ?2", [table, column])? {
                    return Ok(version);
                }
            }
            version += 1;
        }
        Ok(version)
    }

    /// Drops the tables of a copied schema that never held a row, so that they are made as they should be: a tool that copies a schema in terms of
    /// its own, such as Rails' `schema.rb`, loses the unique names and the checks.
    fn drop_empty_copy(&self) -> Result<()> {
        if self.version_of_tables()? == 0 {
            return Ok(());
        }
        let there = self.names()?;
        let tables: Vec<&str> = tables().filter(|name| there.contains(*name)).collect();
        // A table that was emptied keeps its last id there, which must not be used again.
        let sequences = there.contains("sqlite_sequence");
        for table in &tables {
            let used = self.has(&format!("SELECT 1 FROM main.{table}"), [])?;
            if used || (sequences && self.has("SELECT 1 FROM main.sqlite_sequence WHERE name = ?1", [table])?) {
                return Ok(());
            }
        }
        self.drop_objects()?;
        for table in tables {
            self.conn().execute_batch(&format!("DROP TABLE main.{table}"))?;
        }
        Ok(())
    }

    /// Whether a query gives a row.
    fn has(&self, query: &str, values: impl rusqlite::Params) -> Result<bool> {
        Ok(self.conn().prepare(query)?.exists(values)?)
    }

    fn record_version(&self, version: i64, now: i64) -> Result<()> {
        self.run("INSERT INTO main._knocker_schema (version, migrated_at) VALUES (?1, ?2)", [version, now])?;
        Ok(())
    }

    fn drop_objects(&self) -> Result<()> {
        for (kind, name) in created(OBJECTS).filter(|(kind, _)| *kind != "INDEX") {
            self.conn().execute_batch(&format!("DROP {kind} IF EXISTS main.{name}"))?;
        }
        Ok(())
    }

    fn require_tables(&self) -> Result<()> {
        let there = self.names()?;
        let missing: Vec<&str> = tables().filter(|name| !there.contains(*name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::new(Code::SchemaIncomplete, format!("tables of this schema are missing: {}", missing.join(", "))))
    }

    /// Kind (`TABLE`, `INDEX`, `TRIGGER` or `VIEW`) and name of what this build's schema has and the file has not.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn missing_objects(&self) -> Result<Vec<(&'static str, &'static str)>> {
        let there = self.names()?;
        let all = tables().map(|name| ("TABLE", name)).chain(created(OBJECTS));
        let mut missing: Vec<_> = all.filter(|(_, name)| !there.contains(*name)).collect();
        if missing.is_empty() && !there.contains("_knocker_live_due") && self.has_many_endpoints()? {
            missing.push(("INDEX", "_knocker_live_due"));
        }
        Ok(missing)
    }

    fn is_complete(&self) -> Result<bool> {
        Ok(self.missing_objects()?.is_empty())
    }

    /// The names of all that the file has.
    fn names(&self) -> Result<HashSet<String>> {
        let mut statement = self.conn().prepare_cached("SELECT name FROM main.sqlite_schema")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<rusqlite::Result<_>>()?)
    }

    /// The recorded version; 0 where there is no schema.
    pub fn schema_version(&self) -> Result<i64> {
        match self.recorded_version() {
            Err(error) if error.code() == Code::NotBootstrapped => Ok(0),
            other => other,
        }
    }

    /// Refuses to work on a file whose schema is absent, older or newer than this build's.
    pub(crate) fn require_schema(&self) -> Result<()> {
        self.require_version(self.recorded_version()?)
    }

    /// The same, of a version that was read with something else.
    pub(crate) fn require_version(&self, found: i64) -> Result<()> {
        refuse_newer(found)?;
        if found < VERSION {
            return Err(Error::new(Code::NotBootstrapped, format!("the schema has version {found}, this build needs {VERSION}")));
        }
        Ok(())
    }

    fn recorded_version(&self) -> Result<i64> {
        let mut statement = self.conn().prepare_cached("SELECT coalesce(max(version), 0) FROM main._knocker_schema")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }
}

/// Every table that must be there.
fn tables() -> impl Iterator<Item = &'static str> {
    // A migration that makes a table anew names it again.
    let mut seen = HashSet::new();
    let own = MIGRATIONS.iter().flat_map(|migration| created(migration)).map(|(_, name)| name).filter(move |name| seen.insert(*name));
    own.chain(QUEUE_TABLES)
}

/// Kind and name of what a file of SQL creates, in order.
fn created(sql: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    sql.lines().filter_map(|line| {
        let words = line.strip_prefix("CREATE ")?.replace("UNIQUE ", "").replace("IF NOT EXISTS ", "");
        let kind = ["TABLE", "INDEX", "TRIGGER", "VIEW"].into_iter().find(|kind| words.starts_with(kind))?;
        let name = words.split([' ', '(']).nth(1)?;
        // The same word in the file itself, which lives as long as the program.
        line.find(name).map(|at| (kind, &line[at..at + name.len()]))
    })
}

/// Table and name of each column that a file of SQL adds.
fn added(sql: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    sql.lines().filter_map(|line| {
        let (table, column) = line.strip_prefix("ALTER TABLE ")?.split_once(" ADD COLUMN ")?;
        Some((table, column.split(' ').next()?))
    })
}

fn refuse_newer(found: i64) -> Result<()> {
    if found > VERSION {
        let message = format!("this file has schema version {found}; this build of Knocker knows versions up to {VERSION}");
        return Err(Error::new(Code::SchemaTooNew, message));
    }
    Ok(())
}

fn honker_error(honker_core::Error::Sqlite(error): honker_core::Error) -> Error {
    error.into()
}
