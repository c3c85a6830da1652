//! What belongs to the packages and not to the core: their error codes, and how they find the library.

use serde::Serialize;

use crate::catalogue::{ErrorCode, ErrorFamily, class};
use crate::records::{List, Word};

/// The loadable library.
#[derive(Serialize)]
pub struct Library {
    entry_point: &'static str,
    files: Files,
}

/// Its file name on each platform.
#[derive(Serialize)]
struct Files {
    linux: &'static str,
    macos: &'static str,
    windows: &'static str,
}

/// The library of each package.
pub const LIBRARY: Library = Library {
    entry_point: "sqlite3_knocker_init",
    files: Files { linux: "libknocker.so", macos: "libknocker.dylib", windows: "knocker.dll" },
};

/// The closed lists that no function of the extension takes or gives.
pub fn lists() -> Vec<List> {
    let word = |name: &str, about: &str| Word { name: name.into(), about: about.into() };
    vec![List {
        name: "Decision".into(),
        about: "What a handler says of its event; one that returns has handled it, one that raises has failed.".into(),
        words: vec![
            word("retry", "The attempt failed; try again after the given time, or after the endpoint's backoff."),
            word("ignore", "The event is of no interest: it becomes `ignored`."),
            word("dead", "The event can never be handled: it becomes `dead`, without a further attempt."),
        ],
    }]
}

/// The classes that several others extend.
pub fn families() -> Vec<ErrorFamily> {
    vec![
        ErrorFamily { class: "NotFound", about: "An id or a name that does not exist." },
        ErrorFamily { class: "Database", about: "The database itself, which refuses or fails." },
        ErrorFamily { class: "Setup", about: "A process in which Knocker cannot run as it is set up." },
    ]
}

/// The codes that no call of the extension gives.
pub fn codes() -> Vec<ErrorCode> {
    let code = |code, family, retryable, about: &str, hint| ErrorCode {
        code,
        class: class(code),
        family,
        retryable,
        of: "packages",
        about: about.into(),
        sql_hint: None,
        hint,
    };
    vec![
        code(
            "usage",
            None,
            false,
            "The package was called in a way that cannot work; the message says how to call it.",
            "Correct the call as the message says.",
        ),
        code(
            "closed",
            Some("Usage"),
            false,
            "Used after the end: hooks after they were closed, or `tx` after its handler.",
            "Use it only while it is open.",
        ),
        code(
            "forked",
            Some("Usage"),
            false,
            "Used in a child process that was forked while a connection was open.",
            "Fork before workers start, start them in the child, or begin the child anew.",
        ),
        code(
            "file_replaced",
            Some("Database"),
            true,
            "The file was removed, or another was put in its place, while it was open. Nothing was stored.",
            "The file at the path is opened once it is whole and at rest; where there is none, put one there: the app makes none.",
        ),
        code(
            "library_not_found",
            Some("Setup"),
            false,
            "The loadable library is not where it was looked for.",
            "Set KNOCKER_EXTENSION to the path of libknocker, or install the package that brings the one of this platform.",
        ),
        code(
            "library_too_old",
            Some("Setup"),
            false,
            "The loadable library is older than the package.",
            "Use the library that comes with the package: unset KNOCKER_EXTENSION, or let it name one of the package's version or a newer one.",
        ),
        code(
            "cannot_load",
            Some("Setup"),
            false,
            "The SQLite of this process refuses or fails to load the library.",
            "Use a SQLite that can load extensions, and a library that was built for this platform.",
        ),
        code(
            "body_consumed",
            Some("Setup"),
            false,
            "A body parser read the request before Knocker and kept no raw bytes.",
            "Mount the webhook route before the body parser, or let the parser keep the raw bytes.",
        ),
    ]
}
