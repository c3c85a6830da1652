//! The table-valued `knocker_errors` and `knocker_providers`: fixed rows that the core knows.

use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::sync::Arc;

use knocker_core::{Code, providers};
use rusqlite::types::Value;
use rusqlite::vtab::{Context, Filters, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor};
use rusqlite::{Connection, ffi};

/// A table's declaration and its rows.
pub(crate) struct Table {
    declaration: &'static CStr,
    rows: fn() -> Vec<Vec<Value>>,
}

/// Registers both tables.
pub(crate) fn register(conn: &Connection) -> rusqlite::Result<()> {
    const MODULE: Module<'static, CatalogueTable> = Module::eponymous_only_module();
    const ERRORS: Table = Table { declaration: c"CREATE TABLE x (code, retryable, hint)", rows: error_rows };
    // In the order of `PROVIDER_COLUMNS`.
    const PROVIDERS: Table = Table {
        declaration:
            c"CREATE TABLE x (name, aliases, title, scheme, methods, headers, types, types_closed, identity, identity_grain, identity_proof, identity_note, retries, \
             retry_repeats, handshake, max_body_bytes, final_statuses, needs_secret, options, docs, checked)",
        rows: provider_rows,
    };
    conn.create_module("knocker_errors", &MODULE, Some(Arc::new(ERRORS)))?;
    conn.create_module("knocker_providers", &MODULE, Some(Arc::new(PROVIDERS)))
}

fn error_rows() -> Vec<Vec<Value>> {
    let row = |code: &Code| vec![text(code.name()), Value::Integer(code.retryable().into()), text(code.hint())];
    Code::ALL.iter().map(row).collect()
}

const PROVIDER_COLUMNS: [&str; 21] = [
    "name",
    "aliases",
    "title",
    "scheme",
    "methods",
    "headers",
    "types",
    "types_closed",
    "identity",
    "identity_grain",
    "identity_proof",
    "identity_note",
    "retries",
    "retry_repeats",
    "handshake",
    "max_body_bytes",
    "final_statuses",
    "needs_secret",
    "options",
    "docs",
    "checked",
];

/// Texts, numbers and truth as they are; lists and objects as JSON.
fn provider_rows() -> Vec<Vec<Value>> {
    let column = |provider: &serde_json::Value, name: &str| match &provider[name] {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::String(value) => text(value),
        serde_json::Value::Bool(value) => Value::Integer((*value).into()),
        serde_json::Value::Number(value) => Value::Integer(value.as_i64().expect("a size fits")),
        other => text(other.to_string()),
    };
    let row = |provider: &&'static providers::Provider| {
        let provider = serde_json::to_value(provider).expect("a provider is plain JSON");
        PROVIDER_COLUMNS.iter().map(|name| column(&provider, name)).collect()
    };
    providers::all().iter().map(row).collect()
}

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

#[repr(C)]
struct CatalogueTable {
    base: ffi::sqlite3_vtab,
    table: Arc<Table>,
}

// SAFETY: `base` is the first field of a `repr(C)` struct.
unsafe impl VTab<'_> for CatalogueTable {
    type Aux = Arc<Table>;
    type Cursor = Rows;

    fn connect(
        db: &mut VTabConnection,
        aux: Option<&Arc<Table>>,
        _module_name: &[u8],
        _database_name: &[u8],
        _table_name: &[u8],
        _args: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let table = aux.cloned().ok_or_else(|| rusqlite::Error::ModuleError("no table".into()))?;
        db.config(VTabConfig::Innocuous)?;
        Ok((Cow::Borrowed(table.declaration), Self { base: ffi::sqlite3_vtab::default(), table }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        info.set_estimated_rows(50);
        Ok(true)
    }

    fn open(&mut self) -> rusqlite::Result<Rows> {
        Ok(Rows { base: ffi::sqlite3_vtab_cursor::default(), rows: (self.table.rows)(), at: 0 })
    }
}

#[repr(C)]
struct Rows {
    base: ffi::sqlite3_vtab_cursor,
    rows: Vec<Vec<Value>>,
    at: usize,
}

// SAFETY: `base` is the first field of a `repr(C)` struct.
unsafe impl VTabCursor for Rows {
    fn filter(&mut self, _: c_int, _: Option<&str>, _: &Filters<'_>) -> rusqlite::Result<()> {
        self.at = 0;
        Ok(())
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        self.at += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.at >= self.rows.len()
    }

    fn column(&self, ctx: &mut Context, column: c_int) -> rusqlite::Result<()> {
        ctx.set_result(&self.rows[self.at][column as usize])
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(self.at as i64)
    }
}
