//! One `Store` a connection, shared by its functions, with statements that are kept across calls.
//!
//! `sqlite3_close` refuses while a statement is not finalized, and the destructors of functions run only after that check. What SQLite
//! disconnects before it is virtual tables: so an eponymous one, touched when the extension is loaded, owns the store and drops it.

use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use knocker_core::Store;
use rusqlite::vtab::{Context, Filters, IndexInfo, Module, VTab, VTabConnection, VTabCursor};
use rusqlite::{Connection, ffi};

const MODULE_NAME: &str = "_knocker_session";

/// The store of a connection; empty once the connection is being closed.
#[derive(Clone)]
pub(crate) struct Session(Arc<Mutex<Option<Store>>>);

impl Session {
    /// The store, unless a call of this connection has it already: SQLite lets one thread at a time in, but a trigger or a trace callback
    /// can make a call from inside a call.
    pub fn store(&self) -> Option<MutexGuard<'_, Option<Store>>> {
        match self.0.try_lock() {
            Ok(store) => Some(store),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Creates the store of this connection and ties its life to it.
pub(crate) fn open(conn: &Connection) -> rusqlite::Result<Session> {
    const MODULE: Module<'static, SessionTable> = Module::eponymous_only_module();
    // SAFETY: the second `Connection` does not own the handle, and SessionTable drops it before the handle is closed.
    let own = unsafe { Connection::from_handle(conn.handle()) }?;
    let session = Session(Arc::new(Mutex::new(Some(Store::new(own)))));
    conn.create_module(MODULE_NAME, &MODULE, Some(session.clone()))?;
    // Preparing a statement on it is what connects the table.
    conn.prepare("SELECT 1 FROM _knocker_session")?;
    Ok(session)
}

#[repr(C)]
struct SessionTable {
    base: ffi::sqlite3_vtab,
    session: Session,
}

impl Drop for SessionTable {
    fn drop(&mut self) {
        // A connection is not closed from inside a call: the store is free.
        if let Some(mut store) = self.session.store() {
            drop(store.take());
        }
    }
}

// SAFETY: `base` is the first field of a `repr(C)` struct.
unsafe impl VTab<'_> for SessionTable {
    type Aux = Session;
    type Cursor = NoRows;

    fn connect(
        _: &mut VTabConnection,
        aux: Option<&Session>,
        _module_name: &[u8],
        _database_name: &[u8],
        _table_name: &[u8],
        _args: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let session = aux.cloned().ok_or_else(|| rusqlite::Error::ModuleError("no session".into()))?;
        Ok((Cow::Borrowed(c"CREATE TABLE x (never)"), Self { base: ffi::sqlite3_vtab::default(), session }))
    }

    fn best_index(&self, _: &mut IndexInfo) -> rusqlite::Result<bool> {
        Ok(true)
    }

    fn open(&mut self) -> rusqlite::Result<NoRows> {
        Ok(NoRows { base: ffi::sqlite3_vtab_cursor::default() })
    }
}

#[repr(C)]
struct NoRows {
    base: ffi::sqlite3_vtab_cursor,
}

// SAFETY: `base` is the first field of a `repr(C)` struct.
unsafe impl VTabCursor for NoRows {
    fn filter(&mut self, _: c_int, _: Option<&str>, _: &Filters<'_>) -> rusqlite::Result<()> {
        Ok(())
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        Ok(())
    }

    fn eof(&self) -> bool {
        true
    }

    fn column(&self, _: &mut Context, _: c_int) -> rusqlite::Result<()> {
        Ok(())
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(0)
    }
}
