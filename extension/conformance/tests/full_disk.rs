//! No room for the write: a clear error, nothing half-written, and work goes on once there is room.

use knocker_conformance::database::Database;
use knocker_conformance::{call, invariants, worker};
use rusqlite::types::Value as Sql;

const BODY: usize = 40_000;

fn deliveries(database: &Database) -> i64 {
    database.number("SELECT count(*) FROM knocker_deliveries")
}

/// What was taken is there, whole, and nothing else.
fn check_nothing_half_written(database: &Database, taken: i64) {
    assert_eq!(deliveries(database), taken, "a receipt without an answer, or an answer without a receipt");
    assert_eq!(database.number("SELECT count(*) FROM knocker_events"), taken);
    assert_eq!(database.number("SELECT count(*) FROM knocker_deliveries WHERE length(body) <> body_size"), 0);
    invariants::check(database).unwrap();
}

/// Everything that waits can be received for, claimed and handled again.
fn check_it_works_again(database: &Database) {
    worker::receive(database, "after", worker::SECRET).expect("there is room again");
    let waiting = database.number("SELECT count(*) FROM knocker_events WHERE status <> 'handled'");
    let now = call!(database, "knocker_next_due").unwrap();
    assert_eq!(now, Sql::Integer(0));
    assert_eq!(call!(database, "knocker_claim", "w1", 10_000, 600), Ok(Sql::Integer(waiting)));
    for job in database.rows("SELECT job_id FROM knocker_jobs WHERE worker = 'w1'", &[]).unwrap() {
        call!(database, "knocker_handled", job["job_id"].as_i64().unwrap(), "w1", 1).unwrap();
    }
    assert_eq!(database.number("SELECT count(*) FROM knocker_events WHERE status <> 'handled'"), 0);
    invariants::check(database).unwrap();
}

fn limit_pages(database: &Database, more: i64) {
    let pages = database.number("PRAGMA page_count");
    database.conn.pragma_update(None, "max_page_count", pages + more).unwrap();
}

#[test]
fn a_file_at_its_page_limit_says_disk_full_and_takes_more_when_the_limit_is_raised() {
    let database = Database::fresh();
    worker::prepare(&database);
    limit_pages(&database, 100);
    let (taken, failure) = worker::fill_up(&database, "limited", BODY);
    assert_eq!(failure.code, "disk_full", "{failure}");
    assert!(taken > 3, "only {taken} fitted");
    assert!(database.conn.is_autocommit());
    check_nothing_half_written(&database, taken);
    limit_pages(&database, 10_000);
    check_it_works_again(&database);
}

#[test]
fn a_full_file_inside_the_callers_transaction_writes_nothing_of_the_call() {
    let database = Database::fresh();
    worker::prepare(&database);
    limit_pages(&database, 30);
    database.conn.execute_batch("BEGIN IMMEDIATE; INSERT INTO orders VALUES (0, 0, 'caller')").unwrap();
    let (taken, failure) = worker::fill_up(&database, "inside", BODY);
    assert_eq!(failure.code, "disk_full", "{failure}");
    // SQLite may have ended the transaction by itself, as it does where it cannot undo one statement alone.
    let kept = if database.conn.is_autocommit() {
        false
    } else {
        database.conn.execute_batch("COMMIT").unwrap();
        true
    };
    check_nothing_half_written(&database, if kept { taken } else { 0 });
    assert_eq!(database.number("SELECT count(*) FROM orders"), i64::from(kept));
    limit_pages(&database, 10_000);
    check_it_works_again(&database);
}

#[test]
fn a_verdict_that_finds_no_room_leaves_the_job_leased_and_can_be_repeated() {
    let database = Database::fresh();
    worker::prepare(&database);
    for number in 0..40 {
        worker::receive(&database, &format!("o-{number}"), worker::SECRET).unwrap();
    }
    assert_eq!(call!(database, "knocker_claim", "w1", 40, 600), Ok(Sql::Integer(40)));
    limit_pages(&database, 0);
    // Long errors, so that the attempts need pages of their own.
    let error = "refused ".repeat(900);
    let mut failed = 0;
    let failure = loop {
        match call!(database, "knocker_failed", failed + 1, "w1", &error, 1, r#"{"retry_after_s": 0}"#) {
            Ok(_) => failed += 1,
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.code, "disk_full", "{failure}");
    assert_eq!(database.number("SELECT count(*) FROM knocker_attempts"), failed);
    assert_eq!(database.number("SELECT count(*) FROM knocker_events WHERE status = 'failed'"), failed);
    assert_eq!(database.number("SELECT count(*) FROM knocker_jobs WHERE worker = 'w1'"), 40 - failed);
    invariants::check(&database).unwrap();
    limit_pages(&database, 10_000);
    call!(database, "knocker_failed", failed + 1, "w1", &error, 1, r#"{"retry_after_s": 0}"#).expect("the same verdict again");
    invariants::check(&database).unwrap();
}

/// Fills a file system of a few megabytes: a tmpfs of its own where mounting is permitted, else a process with a file size limit.
#[cfg(target_os = "linux")]
#[test]
fn a_full_file_system_says_disk_full_and_takes_more_when_it_has_grown() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file_system) = unix::SmallFileSystem::mount(folder.path(), "3m") else {
        println!("full_disk: mounting is not permitted here; a process with a file size limit stands in");
        return unix::fill_in_a_limited_process(folder.path());
    };
    let database = Database::open(&folder.path().join("app.db"));
    call!(database, "knocker_bootstrap").unwrap();
    worker::prepare(&database);
    let (taken, failure) = worker::fill_up(&database, "tmpfs", BODY);
    assert_eq!(failure.code, "disk_full", "{failure}");
    assert!(taken > 3, "only {taken} fitted");
    check_nothing_half_written(&database, taken);
    file_system.resize("64m");
    check_it_works_again(&database);
    database.conn.close().expect("the file system can be unmounted");
}

#[cfg(unix)]
#[test]
fn a_write_that_the_system_refuses_says_io_error_and_nothing_is_half_written() {
    let folder = tempfile::tempdir().unwrap();
    unix::fill_in_a_limited_process(folder.path());
}

#[cfg(unix)]
mod unix {
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use knocker_conformance::library;

    const PROGRAM: &str = env!("CARGO_BIN_EXE_knocker-conformance-child");
    const LIMIT_BYTES: libc::rlim_t = 2 << 20;

    /// A process that may not make a file longer than the limit receives until a write fails.
    pub fn fill_in_a_limited_process(folder: &Path) {
        let path = folder.join("limited.db");
        let database = Database::open(&path);
        call!(database, "knocker_bootstrap").unwrap();
        worker::prepare(&database);
        let mut command = Command::new(PROGRAM);
        command
            .args(["fill".as_ref(), path.as_os_str(), "limited".as_ref(), BODY.to_string().as_ref()])
            .env("KNOCKER_EXTENSION", library::path());
        // SAFETY: setrlimit and signal may be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                let limit = libc::rlimit { rlim_cur: LIMIT_BYTES, rlim_max: LIMIT_BYTES };
                if libc::setrlimit(libc::RLIMIT_FSIZE, &limit) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                // Without this the first refused write would end the process instead of failing.
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                Ok(())
            })
        };
        let output = command.output().expect("the process runs");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (taken, code) = said.trim().split_once(' ').unwrap_or_else(|| panic!("the process said {said:?}"));
        assert_eq!(code, "io_error");
        let taken = taken.parse().unwrap();
        assert!(taken > 3, "only {taken} fitted");
        check_nothing_half_written(&database, taken);
        check_it_works_again(&database);
    }

    /// A tmpfs, unmounted when this is dropped.
    #[cfg(target_os = "linux")]
    pub struct SmallFileSystem {
        target: std::ffi::CString,
    }

    #[cfg(target_os = "linux")]
    impl SmallFileSystem {
        /// `None` where this process may not mount.
        pub fn mount(target: &Path, size: &str) -> Option<Self> {
            use std::os::unix::ffi::OsStrExt;
            let target = std::ffi::CString::new(target.as_os_str().as_bytes()).unwrap();
            (mount(&target, size, 0) == 0).then_some(Self { target })
        }

        /// Gives it another size.
        pub fn resize(&self, size: &str) {
            assert_eq!(mount(&self.target, size, libc::MS_REMOUNT), 0, "{}", std::io::Error::last_os_error());
        }
    }

    #[cfg(target_os = "linux")]
    impl Drop for SmallFileSystem {
        fn drop(&mut self) {
            // SAFETY: the target is the path that was mounted.
            unsafe { libc::umount2(self.target.as_ptr(), libc::MNT_DETACH) };
        }
    }

    #[cfg(target_os = "linux")]
    fn mount(target: &std::ffi::CStr, size: &str, flags: libc::c_ulong) -> libc::c_int {
        let options = std::ffi::CString::new(format!("size={size}")).unwrap();
        // SAFETY: every pointer is to a terminated string that outlives the call.
        unsafe { libc::mount(c"tmpfs".as_ptr(), target.as_ptr(), c"tmpfs".as_ptr(), flags, options.as_ptr().cast()) }
    }
}
