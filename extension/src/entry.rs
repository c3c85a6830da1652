//! The entry point, and what must be checked before the first call into the host's SQLite.

use std::ffi::{c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use knocker_core::{Code, Error};
use rusqlite::{Connection, ffi};

use crate::session::Session;
use crate::{catalogue, functions};

/// RETURNING is 3.35, STRICT 3.37, `->>` and `unixepoch()` 3.38.
const OLDEST_SQLITE: c_int = 3_038_000;

/// The API table of the SQLite library that loaded us first. rusqlite keeps the table in statics, so a second library of the same process
/// would be called through the first one's functions.
static HOST: AtomicPtr<ffi::sqlite3_api_routines> = AtomicPtr::new(ptr::null_mut());

// Zig's linker ignores the list of exports that the compiler hands it for this target; what an object file asks for itself it does.
#[cfg(all(windows, target_env = "gnu", target_abi = "llvm"))]
std::arch::global_asm!(".section .drectve,\"yn\"", ".ascii \" -export:sqlite3_knocker_init\"", ".text");

/// Called by SQLite when the extension is loaded. Registers functions and modules on this connection; writes nothing to the database.
///
/// # Safety
/// SQLite passes an open connection, a place for an error text and its API table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sqlite3_knocker_init(
    db: *mut ffi::sqlite3,
    error_text: *mut *mut c_char,
    api: *mut ffi::sqlite3_api_routines,
) -> c_int {
    // The table is absent where SQLite was built without extension loading and this was reached some other way.
    if api.is_null() {
        return ffi::SQLITE_ERROR;
    }
    // SAFETY: `api` is the host's table and not null.
    let refusal = unsafe { check_host(api) };
    if let Some(error) = refusal {
        // SAFETY: as above; `error_text` is null or SQLite's place for a text that it frees.
        unsafe { report(api, error_text, &error) };
        return ffi::SQLITE_ERROR;
    }
    // SAFETY: as above, and rusqlite's table is no longer than that of the oldest host.
    let mut ours = unsafe { *api };
    ours.clear_bindings = Some(release_bindings);
    // SAFETY: the arguments are SQLite's own, and `register` only registers. The table is copied.
    unsafe { Connection::extension_init2(db, error_text, &raw mut ours, register) }
}

/// What rusqlite calls in place of `sqlite3_clear_bindings` when it puts a statement back into its cache.
///
/// From 3.54 on, SQLite takes almost any statement that compares with a parameter, and whose bindings were cleared, for one that may need another plan,
/// and prepares it anew at its next step: that was half of what an event cost a worker. Every parameter is bound again before that step,
/// so what only reads may keep its values, which are small. What writes lets go of them, one by one, since they may be large bodies.
///
/// # Safety
/// `statement` must be one of the host's, and not running.
unsafe extern "C" fn release_bindings(statement: *mut ffi::sqlite3_stmt) -> c_int {
    // SAFETY: as promised by the caller; the host's table has been taken over before there was a statement.
    unsafe {
        if ffi::sqlite3_stmt_readonly(statement) == 0 {
            for parameter in 1..=ffi::sqlite3_bind_parameter_count(statement) {
                ffi::sqlite3_bind_null(statement, parameter);
            }
        }
    }
    ffi::SQLITE_OK
}

fn register(conn: Connection) -> rusqlite::Result<bool> {
    // Loading twice would replace functions, which SQLite refuses while a statement runs: `SELECT load_extension(…)` is one.
    if conn.prepare("SELECT knocker_version()").is_ok() {
        return Ok(false);
    }
    // That it is not there stays behind as the connection's last error, which `sqlite3_open` takes for its own where this was registered with
    // `sqlite3_auto_extension`. No statement at all puts it out; any that is one would read the schema, and the file may be none of SQLite's.
    conn.prepare("")?;
    let session = Session::default();
    session.register(&conn)?;
    functions::register(&conn, &session)?;
    catalogue::register(&conn)?;
    Ok(false)
}

/// # Safety
/// `api` must point to the host's API table.
unsafe fn check_host(api: *mut ffi::sqlite3_api_routines) -> Option<Error> {
    // SAFETY: the field is as old as extension loading itself.
    let version = unsafe { (*api).libversion_number }.map_or(0, |version| unsafe { version() });
    if version < OLDEST_SQLITE {
        let message = format!("this program's SQLite is {}, Knocker needs 3.38.0", dotted(version));
        return Some(Error::new(Code::UnsupportedSqlite, message));
    }
    match HOST.compare_exchange(ptr::null_mut(), api, Ordering::AcqRel, Ordering::Acquire) {
        Err(first) if first != api => {
            Some(Error::new(Code::SecondSqlite, "another SQLite library in this process has loaded this file already"))
        }
        _ => None,
    }
}

fn dotted(version: c_int) -> String {
    format!("{}.{}.{}", version / 1_000_000, version / 1000 % 1000, version % 1000)
}

/// Hands a text to SQLite in memory of its own allocator.
///
/// # Safety
/// `api` must point to the host's API table, `target` must be null or writable.
unsafe fn report(api: *mut ffi::sqlite3_api_routines, target: *mut *mut c_char, error: &Error) {
    let text = error.to_string();
    // SAFETY: malloc is in every API table; it returns null or room for the text and its end.
    unsafe {
        let Some(malloc) = (*api).malloc else { return };
        if target.is_null() {
            return;
        }
        let room = malloc(text.len() as c_int + 1).cast::<u8>();
        if !room.is_null() {
            ptr::copy_nonoverlapping(text.as_ptr(), room, text.len());
            room.add(text.len()).write(0);
            *target = room.cast();
        }
    }
}
