//! The schema: one `.sql` file a version, a recorded version, and a migration in one transaction.

use crate::error::{Code, Error, Result};
use crate::store::Store;

/// The migrations, oldest first: entry n leads to version n + 1.
const MIGRATIONS: &[&str] = &[include_str!("schema/v1.sql")];

/// The version that this build reads and writes.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

impl Store {
    /// Creates or migrates the schema in one transaction and returns its version.
    ///
    /// Idempotent, and safe when many processes call it at once: each looks again after it has the write lock.
    ///
    /// # Errors
    /// [`Code::SchemaTooNew`] for a file that a newer version wrote; [`Code::ReadOnly`], [`Code::Busy`] and the like from the database.
    pub fn bootstrap(&self, now: i64) -> Result<i64> {
        if self.schema_version()? == VERSION {
            return Ok(VERSION);
        }
        self.atomic(|| {
            let found = self.schema_version()?;
            refuse_newer(found)?;
            if found == 0 {
                honker_core::bootstrap_honker_schema(self.conn()).map_err(honker_error)?;
            }
            for version in found + 1..=VERSION {
                self.conn().execute_batch(MIGRATIONS[version as usize - 1])?;
                self.conn().execute("INSERT INTO _knocker_schema (version, migrated_at) VALUES (?1, ?2)", [version, now])?;
            }
            Ok(VERSION)
        })
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
        let found = self.recorded_version()?;
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
