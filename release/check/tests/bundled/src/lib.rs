//! Opens a database with the SQLite that is in this library.

/// Has the name of the real one, so that nothing else is wrong with it.
#[unsafe(no_mangle)]
pub extern "C" fn sqlite3_knocker_init() -> bool {
    rusqlite::Connection::open_in_memory().is_ok()
}
