//! Errors: one table of codes, and the type that carries one of them.
//!
//! Every failure that a caller sees has a [`Code`]. Its text on the SQL side is `knocker: <code>: <message>`, and the packages build their
//! class tree from the same table, which SQL exports as `knocker_errors`.

use std::fmt;

use rusqlite::ffi;

macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $name:literal, $family:ident, $retryable:literal, $hint:literal $(, packages $told:literal)?; )+) => {
        /// A stable error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            /// The name that appears in error texts.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$variant => $name),+ }
            }

            /// Whether the same call may succeed later.
            pub fn retryable(self) -> bool {
                match self { $(Code::$variant => $retryable),+ }
            }

            /// What the person who reads the error can do.
            pub fn hint(self) -> &'static str {
                match self { $(Code::$variant => $hint),+ }
            }

            /// What it is.
            #[cfg(feature = "contract")]
            pub fn about(self) -> &'static str {
                match self { $(Code::$variant => concat!($($doc),+)),+ }
            }

            /// What it belongs to.
            #[cfg(feature = "contract")]
            pub fn family(self) -> Family {
                match self { $(Code::$variant => Family::$family),+ }
            }

            /// The hint where a package raises it: people who call no SQL function read it. `{events()}` stands for a method of the package,
            /// `{dry_run}` for a name in its spelling.
            #[cfg(feature = "contract")]
            pub fn package_hint(self) -> &'static str {
                match self { $(Code::$variant => codes!(@told $hint $(, $told)?)),+ }
            }
        }
    };
    (@told $hint:literal) => { $hint };
    (@told $hint:literal, $told:literal) => { $told };
}

/// What several codes have in common: in the packages a class above theirs.
#[cfg(feature = "contract")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Nothing.
    None,
    /// An id or a name that does not exist.
    NotFound,
    /// The database itself, which refuses or fails.
    Database,
    /// A process in which Knocker cannot run as it is set up.
    Setup,
}

codes! {
    /// An argument has the wrong type, form or value.
    InvalidArgument = "invalid_argument", None, false,
        "Correct the argument that the message names.";
    /// The connection is strict, and the call left the time out.
    NowRequired = "now_required", None, false,
        "Pass now, in Unix milliseconds, as the last argument; or call knocker_strict(0) where no statement is replicated.";
    /// No endpoint has that name.
    UnknownEndpoint = "unknown_endpoint", NotFound, false,
        "Create it with knocker_endpoint(name, config), or correct the name in the URL.",
        packages "Declare it with {endpoint()}, or correct the name in the URL.";
    /// No provider has that name.
    UnknownProvider = "unknown_provider", NotFound, false,
        "SELECT name FROM knocker_providers lists the names.",
        packages "`knocker providers` lists the names.";
    /// No event has that id.
    UnknownEvent = "unknown_event", NotFound, false,
        "SELECT id FROM knocker_events lists the ids; a pruned event is gone.",
        packages "{events()} lists what there is; a pruned event is gone.";
    /// No delivery has that id.
    UnknownDelivery = "unknown_delivery", NotFound, false,
        "SELECT id FROM knocker_deliveries lists the ids; a pruned delivery is gone.",
        packages "{deliveries()} lists what there is; a pruned delivery is gone.";
    /// The event is in a state that this action does not leave.
    BadState = "bad_state", None, false,
        "Look at the event's status: replay takes handled, failed, dead and ignored ones, requeue failed, dead and ignored ones, ignore received, failed and dead ones; force also takes received and processing ones.";
    /// The judgement was made for another endpoint, under other settings, or by another version.
    StaleJudgement = "stale_judgement", None, true,
        "Judge the request again with knocker_judge and store that judgement. Nothing was written.",
        packages "Receive the request again. Nothing was written.";
    /// The job is not leased to this worker any more.
    LeaseLost = "lease_lost", None, false,
        "Roll back: another worker has the job or an operator took it. Use a longer lease or extend it while the handler runs.",
        packages "Another worker has the job or an operator took it, and what the handler wrote is rolled back. Use a longer lease for handlers that run long.";
    /// The schema is not there.
    NotBootstrapped = "not_bootstrapped", Database, false,
        "Run SELECT knocker_bootstrap() once on this database.",
        packages "Open the file with {open()}, which makes what it needs.";
    /// Part of the schema is missing.
    SchemaIncomplete = "schema_incomplete", Database, false,
        "Restore the tables from a backup; SELECT knocker_bootstrap() puts back missing indexes, triggers and views by itself.",
        packages "Restore the tables from a backup; missing indexes, triggers and views are put back when the file is opened.";
    /// The file was written by a newer version.
    SchemaTooNew = "schema_too_new", Database, false,
        "Upgrade Knocker in this process; the file was migrated by a newer version.";
    /// Another connection holds the write lock.
    Busy = "busy", Database, true,
        "Try again. Raise PRAGMA busy_timeout, keep write transactions short, and begin them with BEGIN IMMEDIATE.",
        packages "Try again. Another connection holds the write lock: keep write transactions short.";
    /// The database cannot be written.
    ReadOnly = "read_only", Database, false,
        "Open the database read-write and check the permissions of the file and of its folder.";
    /// No room for the write.
    DiskFull = "disk_full", Database, true,
        "Free space on the disk or raise PRAGMA max_page_count, then try again. Nothing was written.",
        packages "Free space on the disk, then try again. Nothing was written.";
    /// The operating system failed to read or write.
    IoError = "io_error", Database, true,
        "Check the disk and the system log, then try again. Nothing was written.";
    /// The file is damaged.
    Corrupt = "corrupt", Database, false,
        "Run PRAGMA integrity_check and restore a backup.",
        packages "Restore a backup; SQLite's own integrity check says what is damaged.";
    /// The host interrupted the call.
    Interrupted = "interrupted", Database, true,
        "The call was cancelled and nothing was written; try it again.";
    /// Called from inside a statement that already writes.
    NestedStatement = "nested_statement", Database, false,
        "Call it with a plain SELECT, keep the result, and write it with a statement of its own. Nothing was written.",
        packages "Call it by itself, and not from inside a statement that writes. Nothing was written.";
    /// The host's SQLite is older than the oldest one that works.
    UnsupportedSqlite = "unsupported_sqlite", Setup, false,
        "Use a SQLite of version 3.38.0 or newer.";
    /// Another SQLite library of this process has loaded the extension already.
    SecondSqlite = "second_sqlite", Setup, false,
        "Use one SQLite library per process: two on one file drop each other's locks.";
    /// SQLite refused for another reason.
    Sqlite = "sqlite_error", Database, false,
        "The message is SQLite's own; the database may have been changed by hand.";
}

/// A message is for reading, and may repeat what somebody passed: a longer one is cut. In bytes.
const LONGEST_MESSAGE: usize = 900;

/// The codes that SQLite's primary result codes stand for; every other one is [`Code::Sqlite`].
pub const RESULT_CODES: &[(i32, Code)] = &[
    (ffi::SQLITE_BUSY, Code::Busy),
    (ffi::SQLITE_LOCKED, Code::Busy),
    (ffi::SQLITE_READONLY, Code::ReadOnly),
    (ffi::SQLITE_INTERRUPT, Code::Interrupted),
    (ffi::SQLITE_IOERR, Code::IoError),
    (ffi::SQLITE_CORRUPT, Code::Corrupt),
    (ffi::SQLITE_FULL, Code::DiskFull),
    (ffi::SQLITE_CANTOPEN, Code::IoError),
    (ffi::SQLITE_NOTADB, Code::Corrupt),
];

/// What went wrong: a code, and one sentence that says what, where and with which value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: Code,
    message: String,
}

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with this code and message. The message must hold no secret.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > LONGEST_MESSAGE {
            message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
            message.push('…');
        }
        Self { code, message }
    }

    /// Shorthand for [`Code::InvalidArgument`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The sentence, without the code.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "knocker: {}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let message = error.to_string();
        let result = error.sqlite_error().map(|error| error.extended_code & 0xFF);
        let code = match RESULT_CODES.iter().find(|(primary, _)| Some(*primary) == result) {
            Some((_, code)) => *code,
            None => match missing_table(&message) {
                Some("_knocker_schema") => return Error::new(Code::NotBootstrapped, "this database has no Knocker schema"),
                Some(name) => return Error::new(Code::SchemaIncomplete, format!("the schema of this database lacks {name}")),
                None => Code::Sqlite,
            },
        };
        Error::new(code, message)
    }
}

/// The table or view of ours whose absence SQLite tells of; it has no code of its own for that.
fn missing_table(message: &str) -> Option<&str> {
    let name = message.split("no such table: ").nth(1)?;
    let name = name.strip_prefix("main.").unwrap_or(name);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    let name = &name[..end];
    ["_knocker_", "knocker_", "_honker_"].iter().any(|prefix| name.starts_with(prefix)).then_some(name)
}

impl From<Error> for rusqlite::Error {
    fn from(error: Error) -> Self {
        rusqlite::Error::UserFunctionError(Box::new(error))
    }
}

/// `; did you mean "x"?` for the nearest of `valid`. Where none is near: the whole list if it is short, else the three nearest.
pub fn suggestion<'a>(given: &str, valid: impl IntoIterator<Item = &'a str>) -> String {
    // What is that long is no slip of the pen, and comparing it would cost its length with each candidate.
    if given.len() > 100 {
        return String::new();
    }
    let valid: Vec<&str> = valid.into_iter().collect();
    let lower = given.to_lowercase();
    let mut nearest: Vec<_> = valid.iter().map(|&candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate)).collect();
    nearest.sort_by(|a, b| b.0.total_cmp(&a.0));
    match nearest.as_slice() {
        [] => String::new(),
        [(score, candidate), ..] if *score > 0.75 => format!("; did you mean {candidate:?}?"),
        _ if valid.len() <= 20 => format!("; valid: {}", valid.join(", ")),
        [(_, first), (_, second), (_, third), ..] => format!("; the nearest are {first:?}, {second:?} and {third:?}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_snake_case() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn the_text_starts_with_the_code() {
        let error = Error::new(Code::BadState, "event 3 is handled");
        assert_eq!(error.to_string(), "knocker: bad_state: event 3 is handled");
    }

    #[test]
    fn a_near_miss_is_named_and_a_far_one_gets_the_list() {
        assert_eq!(suggestion("stirpe", ["stripe", "slack"]), "; did you mean \"stripe\"?");
        assert_eq!(suggestion("zzz", ["stripe", "slack"]), "; valid: stripe, slack");
        let many: Vec<&str> = ["mailgun", "meta", "mux"].into_iter().chain(["xyz"; 20]).collect();
        assert_eq!(suggestion("mollie", many), r#"; the nearest are "mailgun", "mux" and "meta""#);
        assert_eq!(suggestion("x", []), "");
    }
}
