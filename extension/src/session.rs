//! One `Store` a connection, shared by its functions, with statements that are kept across calls.
//!
//! `sqlite3_close` refuses while a statement is not finalized, and the destructors of functions run only after that check. What SQLite
//! disconnects before it is virtual tables: so an eponymous one owns the store and drops it. It is connected by the first call and not when
//! the library is loaded: that needs the file's schema, and a load that failed after something was registered would leave SQLite with
//! destructors in a library that it has unloaded.

use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use knocker_core::Store;
use rusqlite::vtab::{Context, Filters, IndexInfo, Module, VTab, VTabConnection, VTabCursor};
use rusqlite::{Connection, ffi};

const MODULE_NAME: &str = "_knocker_session";

/// The store of a connection; empty before the first call, and after a close that SQLite refused.
#[derive(Clone, Default)]
pub(crate) struct Session(Arc<Mutex<Option<Store>>>);

impl Session {
    /// Registers the table that ends the store.
    pub fn register(&self, conn: &Connection) -> rusqlite::Result<()> {
        const MODULE: Module<'static, SessionTable> = Module::eponymous_only_module();
        conn.create_module(MODULE_NAME, &MODULE, Some(self.clone()))
    }

    /// The store with its kept statements, unless a call of this connection has it already. `connect` gives a connection on the same handle
    /// that does not own it.
    ///
    /// # Errors
    /// Those of a file whose schema cannot be read.
    pub fn store(&self, connect: impl Fn() -> rusqlite::Result<Connection>) -> rusqlite::Result<Option<StoreGuard<'_>>> {
        let Some(mut store) = self.lock() else { return Ok(None) };
        if store.is_none() {
            let conn = connect()?;
            // Preparing a statement on the table is what connects it. From then on the store goes before the handle is closed.
            conn.prepare("SELECT 1 FROM _knocker_session")?;
            *store = Some(Store::new(conn));
        }
        Ok(Some(StoreGuard(store)))
    }

    /// SQLite lets one thread at a time in, but a trigger or a trace callback can make a call from inside a call: `None` then.
    fn lock(&self) -> Option<MutexGuard<'_, Option<Store>>> {
        match self.0.try_lock() {
            Ok(store) => Some(store),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// The store while a call has it.
pub(crate) struct StoreGuard<'s>(MutexGuard<'s, Option<Store>>);

impl Deref for StoreGuard<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.0.as_ref().expect("a guard is made for a store that is there")
    }
}

#[repr(C)]
struct SessionTable {
    base: ffi::sqlite3_vtab,
    session: Session,
}

impl Drop for SessionTable {
    fn drop(&mut self) {
        // A connection is not closed from inside a call: the store is free.
        if let Some(mut store) = self.session.lock() {
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
