//! What belongs to the packages and not to the core: their error codes, and how they find the library.

use serde::Serialize;

use crate::catalogue::{ErrorCode, ErrorFamily, class};
use crate::records::{List, Word};

/// The loadable library.
#[derive(Serialize)]
pub struct Library {
    entry_point: &'static str,
    oldest_sqlite: &'static str,
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
    oldest_sqlite: "3.38.0",
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

/// What a package has beside records and arguments, with the same name in each language.
#[derive(Serialize)]
pub struct Concept {
    name: &'static str,
    about: &'static str,
}

/// The types that are each language's own idiom.
pub const CONCEPTS: &[Concept] = &[
    Concept { name: "Hooks", about: "What `open` gives: Knocker on one SQLite file." },
    Concept { name: "Endpoint", about: "A name in the URL, who may send there, and the handlers of what arrives." },
    Concept { name: "WebhookRequest", about: "One HTTP request as it came." },
    Concept { name: "Event", about: "What a handler gets: what happened at the provider, to be processed once." },
    Concept { name: "EventDelivery", about: "The HTTP request that brought the event." },
    Concept { name: "Worker", about: "What claims events and runs their handlers." },
    Concept { name: "Leases", about: "The queue call by call, for a worker of one's own." },
    Concept { name: "Job", about: "An event that is leased to a worker." },
    Concept { name: "Retry", about: "A decision: the attempt failed, try again." },
    Concept { name: "Ignore", about: "A decision: the event is of no interest." },
    Concept { name: "Dead", about: "A decision: the event can never be handled." },
];

/// Function, and the type and the name of the method that calls it in each package.
pub const METHODS: &[(&str, &str, &str)] = &[
    ("knocker_endpoint", "Hooks", "endpoint"),
    ("knocker_receive", "Endpoint", "receive"),
    ("knocker_ingest", "Endpoint", "ingest"),
    ("knocker_verify", "Endpoint", "verify"),
    ("knocker_claim", "Leases", "claim"),
    ("knocker_handled", "Leases", "handled"),
    ("knocker_failed", "Leases", "failed"),
    ("knocker_skipped", "Leases", "skipped"),
    ("knocker_extend", "Leases", "extend"),
    ("knocker_release", "Leases", "release"),
    ("knocker_next_due", "Leases", "next_due_ms"),
    ("knocker_replay", "Hooks", "replay"),
    ("knocker_requeue", "Hooks", "requeue"),
    ("knocker_ignore", "Hooks", "ignore"),
    ("knocker_replay_delivery", "Hooks", "replay_delivery"),
    ("knocker_replay_where", "Hooks", "replay_where"),
    ("knocker_requeue_where", "Hooks", "requeue_where"),
    ("knocker_ignore_where", "Hooks", "ignore_where"),
    ("knocker_prune_events", "Hooks", "prune_events"),
    ("knocker_prune_deliveries", "Hooks", "prune_deliveries"),
    ("knocker_retention", "Hooks", "retention"),
    ("knocker_retain", "Hooks", "retain"),
    ("knocker_stats", "Hooks", "stats"),
];

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
            "not_replicated",
            Some("Database"),
            true,
            "The receipt is stored, and its replica did not say in time that it has it.",
            "See that Litestream runs, replicates this file and reaches its replica. A retry of the sender is a duplicate.",
        ),
        code(
            "unknown_tenant",
            Some("NotFound"),
            false,
            "No file of the pattern is of that tenant, or it is no name of one.",
            "Correct the name, or make the tenant's file with `create`: a request never does.",
        ),
        code(
            "too_many_open",
            Some("Database"),
            true,
            "As many tenants' files are open as `max_open` allows, and each was in use for as long as a lock is waited for.",
            "Try again. Give {max_open} room for the tenants that are used at once, and hold their hooks no longer than needed.",
        ),
        code(
            "cluster_unavailable",
            Some("Database"),
            true,
            "No node of the rqlite cluster has answered in time that the call is done. What was sent may be stored all the same.",
            "See that most of the nodes run and reach each other. A retry of a receipt that was stored is a duplicate.",
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
            "no_handler",
            Some("Setup"),
            false,
            "The worker of this process has no handler for an event's type.",
            "Add a handler of that type, a prefix of it or `*`, or say with the endpoint's setting `unhandled` what becomes of such events.",
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
