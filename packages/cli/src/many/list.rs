//! The newest rows of many files as one list.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use comfy_table::Cell;
use jiff::Timestamp;

use super::{Done, each, name};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::rows::Row;
use crate::table::{Table, text};

/// The column that says of which file a row is.
pub const DATABASE: &str = "database";

/// Reads the newest rows of each, and keeps the newest of all: never more than twice as many as are wanted of them, however many files there are.
pub fn newest(
    context: &Context,
    files: &[PathBuf],
    limit: i64,
    read: impl Fn(&Context) -> Result<Vec<Row>> + Sync,
) -> Result<(Vec<Row>, Done<()>)> {
    let kept = Mutex::new(Vec::new());
    let done = each(context, files, |context| {
        let file = context.db_path()?;
        let rows = read(context)?.into_iter().map(|row| row.of(&file));
        let mut kept = kept.lock().expect("no thread panics with it");
        kept.extend(rows);
        // In a file the newest is the one with the highest id; between files times alone can be compared.
        kept.sort_by(|one, other| order(other).cmp(&order(one)));
        kept.truncate(limit as usize);
        Ok(())
    })?;
    Ok((kept.into_inner().expect("no thread panics with it"), done))
}

fn order(row: &Row) -> (Option<i64>, Option<&str>, Option<i64>) {
    (row.whole("received_at"), row.text(DATABASE), row.whole("id"))
}

impl Row {
    /// This row with the file that it is of.
    fn of(self, file: &Path) -> Self {
        let mut row = Row::default();
        row.push(DATABASE, name(file).into());
        row.followed_by(&self)
    }
}

/// Refuses a flag that names a row of one file.
pub fn refuse_id(given: bool, flag: &str, instead: &'static str) -> Result {
    if !given {
        return Ok(());
    }
    Err(Failure::usage(format!("{flag} names a row of one file, and --db names many"), instead))
}

/// How the list goes on: with those that came no later than the last one, which may be told again, so that none of the same moment is left out.
pub fn older(rows: &[Row], limit: i64) -> Option<String> {
    let last = rows.last().filter(|_| rows.len() as i64 == limit)?.whole("received_at")?;
    Some(format!("older ones: --until {}", Timestamp::from_millisecond(last + 1).ok()?))
}

/// A table with these columns; where the rows are of many files, behind one for the file.
pub fn table(rows: &[Row], titles: &[&str]) -> Table {
    let of_many = rows.first().is_some_and(|row| row.text(DATABASE).is_some());
    Table::new(&[if of_many { &["file"][..] } else { &[] }, titles].concat())
}

/// Adds a row of such a table.
pub fn row<const N: usize>(table: &mut Table, row: &Row, cells: [Cell; N]) {
    table.row(row.text(DATABASE).map(text).into_iter().chain(cells));
}
