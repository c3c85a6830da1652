//! Registered with `sqlite3_auto_extension`, as engines and hosts do that load nothing by path: each connection that opens has the functions,
//! and what was registered after ours runs as well. In a process of its own, since such a registration holds for all of it.
#![cfg(unix)]

use std::ffi::{CString, c_char, c_int};
use std::mem::transmute;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use knocker_conformance::library;
use rusqlite::{Connection, ffi};

type EntryPoint = unsafe extern "C" fn(*mut ffi::sqlite3, *mut *mut c_char, *const ffi::sqlite3_api_routines) -> c_int;

static RAN_AFTER_OURS: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn after_ours(_: *mut ffi::sqlite3, _: *mut *mut c_char, _: *const ffi::sqlite3_api_routines) -> c_int {
    RAN_AFTER_OURS.fetch_add(1, Ordering::Relaxed);
    ffi::SQLITE_OK
}

fn entry_point() -> EntryPoint {
    let path = CString::new(library::path().as_os_str().as_bytes()).unwrap();
    // SAFETY: the library under test is opened and never closed, and the symbol is its entry point.
    unsafe {
        let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        assert!(!library.is_null(), "{} does not open", library::path().display());
        let symbol = libc::dlsym(library, c"sqlite3_knocker_init".as_ptr());
        assert!(!symbol.is_null(), "there is no entry point");
        transmute::<*mut libc::c_void, EntryPoint>(symbol)
    }
}

#[test]
fn every_connection_that_opens_has_the_functions_and_the_next_extension_runs() {
    // SAFETY: both have the form of an entry point and stay for the life of the process.
    unsafe {
        assert_eq!(ffi::sqlite3_auto_extension(Some(entry_point())), ffi::SQLITE_OK);
        assert_eq!(ffi::sqlite3_auto_extension(Some(after_ours)), ffi::SQLITE_OK);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    for round in 1..=3 {
        let conn = Connection::open(&path).expect("it opens");
        // SAFETY: the handle is open.
        let left_behind = unsafe { ffi::sqlite3_errcode(conn.handle()) };
        assert_eq!(left_behind, ffi::SQLITE_OK, "the registration left an error behind");
        assert_eq!(RAN_AFTER_OURS.load(Ordering::Relaxed), round, "the extension after ours did not run");
        conn.query_row("SELECT knocker_bootstrap(1767225600000)", [], |row| row.get::<_, i64>(0)).unwrap();
        conn.query_row("SELECT count(*) FROM knocker_errors", [], |row| row.get::<_, i64>(0)).unwrap();
        knocker_conformance::database::load(&conn).expect("loading it by its path as well changes nothing");
        conn.query_row("SELECT knocker_stats()", [], |row| row.get::<_, String>(0)).unwrap();
        conn.close().expect("it closes");
    }
    let memory = Connection::open_in_memory().expect("it opens");
    memory.query_row("SELECT knocker_version()", [], |row| row.get::<_, String>(0)).unwrap();
    // Registering writes nothing, also where the file is new.
    let other = Connection::open(folder.path().join("other.db")).unwrap();
    other.query_row("SELECT knocker_version()", [], |row| row.get::<_, String>(0)).unwrap();
    drop(other);
    assert_eq!(std::fs::metadata(folder.path().join("other.db")).unwrap().len(), 0);
}
