//! The long check, which reads every page.

use super::finding::{Code, Finding, Severity};
use super::reading::Reading;
use crate::failure::Result;
use crate::progress::{Progress, Unit};

pub const DAMAGED: Code = Code::new("damaged", Severity::Error);
#[cfg(test)]
pub const CODES: &[Code] = &[DAMAGED];

/// Checks one table with its indexes after the other, so that it can tell how far it is and be stopped in between.
pub fn check(reading: &Reading) -> Result<Vec<Finding>> {
    let Some(store) = &reading.store else { return Ok(Vec::new()) };
    let conn = store.conn();
    let mut statement = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY rootpage")?;
    let tables: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let progress = Progress::start("reading every page", Unit::Items("table"), Some(tables.len() as u64));
    let mut damage = Vec::new();
    for table in &tables {
        progress.checkpoint("Nothing was changed; run it again at a quieter time.")?;
        let mut check = conn.prepare(&format!("PRAGMA integrity_check('{}')", table.replace('\'', "''")))?;
        let said = check.query_map([], |row| row.get::<_, String>(0))?;
        // Damage can be such that the check itself fails of it.
        damage.extend(said.map(|said| said.unwrap_or_else(|error| error.to_string())).filter(|said| said != "ok"));
        progress.advance(1);
    }
    let Some(first) = damage.first() else { return Ok(Vec::new()) };
    let what = format!("the file is damaged in {} places, the first: {first}", damage.len());
    let cure = format!(
        "Stop what writes to it, copy the file with its -wal, and take the newest good backup: {}. What can be read of it: sqlite3 {} .recover",
        reading.command("restore BACKUP"),
        reading.path.display()
    );
    Ok(vec![DAMAGED.found(what, cure)])
}
