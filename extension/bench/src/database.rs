//! Databases to measure on, with the built library loaded into them.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

/// A fixed clock: 2026-01-01.
pub const NOW: i64 = 1_767_225_600_000;
pub const SECRET: &str = "test-secret";

/// The library: `KNOCKER_EXTENSION`, or the release build beside this program.
fn library() -> PathBuf {
    if let Some(path) = std::env::var_os("KNOCKER_EXTENSION") {
        return path.into();
    }
    let program = std::env::current_exe().expect("this program has a path");
    let name = format!("{}knocker{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    program.ancestors().map(|folder| folder.join(&name)).find(|path| path.exists()).expect("build the library first: make build")
}

/// Loads the extension.
pub fn load(conn: &Connection) {
    // SAFETY: the library is the one built from this checkout.
    unsafe {
        let _guard = rusqlite::LoadExtensionGuard::new(conn).expect("extension loading is compiled in");
        conn.load_extension(library(), Some("sqlite3_knocker_init")).expect("the library loads");
    }
    conn.set_prepared_statement_cache_capacity(64);
}

/// Loads the extension and creates the schema with one endpoint, `github`.
pub fn prepare(conn: &Connection, synchronous: &str) {
    load(conn);
    conn.pragma_update(None, "journal_mode", "WAL").expect("WAL");
    conn.pragma_update(None, "synchronous", synchronous).expect("synchronous");
    conn.query_row("SELECT knocker_bootstrap()", [], |_| Ok(())).expect("bootstrap");
    conn.query_row(r#"SELECT knocker_endpoint('github', '{"provider": "github"}')"#, [], |_| Ok(())).expect("endpoint");
}

/// A file database in `folder`.
pub fn open(folder: &Path, name: &str, synchronous: &str) -> Connection {
    let conn = Connection::open(folder.join(name)).expect("the folder is writable");
    prepare(&conn, synchronous);
    conn
}

/// Fills the file with `events` in `status`, waiting ones with a job, as receives would have left them.
pub fn fill(conn: &Connection, events: i64, status: &str) {
    let waiting = status == "received";
    let sql = format!(
        "BEGIN;
         CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {events}) SELECT i FROM n;
         INSERT INTO _knocker_deliveries (id, endpoint_id, outcome, first_event_id, last_event_id, received_at, method, url, headers, body_size, body)
           SELECT i, 1, 'accepted', i, i, {NOW}, 'POST', '/github', '{{}}', 100, zeroblob(100) FROM n;
         INSERT INTO _knocker_events (id, endpoint_id, delivery_id, job_id, status, received_at, type, key)
           SELECT i, 1, i, iif({waiting}, i, NULL), '{status}', {NOW}, 'push', printf('%08x%08x', i * 2654435761 % 4294967296, i) FROM n;
         INSERT INTO _honker_live (id, queue, payload, run_at, max_attempts, created_at)
           SELECT i, 'knocker:github', json_object('event_id', i), {NOW} / 1000, 10, {NOW} / 1000 FROM n WHERE {waiting};
         DROP TABLE n;
         COMMIT;
         PRAGMA wal_checkpoint(TRUNCATE);"
    );
    conn.execute_batch(&sql).expect("the schema is the one of this checkout");
}

/// One signed GitHub push of about a kibibyte. `n` makes its delivery id.
#[derive(Clone)]
pub struct Push {
    pub request: String,
    pub body: Vec<u8>,
    pub key: String,
}

/// A signed push; the signature is the same for all since GitHub signs the body alone.
pub fn push(conn: &Connection, n: usize, bytes: usize) -> Push {
    let filler = "x".repeat(bytes.saturating_sub(90));
    let body = format!(r#"{{"ref":"refs/heads/main","repository":{{"id":1,"full_name":"octo/knocker"}},"note":"{filler}"}}"#).into_bytes();
    let key = format!("72d3162e-cc78-11e3-81ab-{n:012x}");
    let plain = format!(
        r#"{{"method":"POST","url":"/github","headers":{{"Host":"example.com","User-Agent":"GitHub-Hookshot/044aadd","Accept":"*/*","Content-Type":"application/json","X-GitHub-Event":"push","X-GitHub-Delivery":"{key}"}}}}"#
    );
    let signature: String = conn
        .prepare_cached("SELECT knocker_sign('github', '{}', ?1, ?2, ?3) -> '$.headers' ->> 'X-Hub-Signature-256'")
        .and_then(|mut statement| statement.query_row((&plain, &body, SECRET), |row| row.get(0)))
        .expect("signing works");
    let request = plain.replace(r#""Content-Type""#, &format!(r#""X-Hub-Signature-256":"{signature}","Content-Type""#));
    Push { request, body, key }
}
