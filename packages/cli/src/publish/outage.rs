//! Since when a target is away, kept in the file, so that it is known after a restart and to `knocker doctor`.
//!
//! The table is the command's own: it is made by the first outage, and has a row for each target that is away.

use knocker_core::Store;
use rusqlite::{Connection, OptionalExtension};

use crate::failure::Result;

/// A target that cannot be published to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// As it is shown.
    pub target: String,
    /// The endpoints whose events go there; empty for all.
    pub endpoints: Vec<String>,
    pub away_since: i64,
    pub reason: String,
}

/// Keeps the first moment and the newest reason.
pub fn began(store: &Store, outage: &Outage) -> Result {
    let conn = store.conn();
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS _knocker_publishers (
           target TEXT NOT NULL, endpoints TEXT NOT NULL, away_since INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (target, endpoints)
         ) WITHOUT ROWID",
    )?;
    let sql = "INSERT INTO _knocker_publishers (target, endpoints, away_since, reason) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (target, endpoints) DO UPDATE SET reason = excluded.reason";
    conn.execute(sql, (&outage.target, outage.endpoints.join(","), outage.away_since, &outage.reason))?;
    Ok(())
}

/// The target is back; gives since when it was away, where it was.
pub fn ended(store: &Store, target: &str, endpoints: &[String]) -> Result<Option<i64>> {
    if !is_there(store.conn())? {
        return Ok(None);
    }
    let sql = "DELETE FROM _knocker_publishers WHERE target = ?1 AND endpoints = ?2 RETURNING away_since";
    Ok(store.conn().query_row(sql, (target, endpoints.join(",")), |row| row.get(0)).optional()?)
}

/// Every target that is away.
pub fn all(conn: &Connection) -> Result<Vec<Outage>> {
    if !is_there(conn)? {
        return Ok(Vec::new());
    }
    let mut statement =
        conn.prepare("SELECT target, endpoints, away_since, reason FROM _knocker_publishers ORDER BY away_since, target")?;
    let rows = statement.query_map([], |row| {
        let endpoints: String = row.get(1)?;
        let endpoints = endpoints.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Ok(Outage { target: row.get(0)?, endpoints, away_since: row.get(2)?, reason: row.get(3)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn is_there(conn: &Connection) -> Result<bool> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_knocker_publishers'";
    Ok(conn.query_row(sql, [], |_| Ok(())).optional()?.is_some())
}
