// Code generated from extension/contract/contract.json by `make contract`. DO NOT EDIT.

package knocker

// contractVersion is the version of the library that this module was written for.
const contractVersion = "0.1.0"

// oldestSQLite is the oldest SQLite that the library works with.
const oldestSQLite = "3.38.0"

// What [errors.Is] finds in an [Error]: one code each, but for those that say they are a family.
var (
	// ErrNotFound is a family: an id or a name that does not exist.
	ErrNotFound = &Error{Code: "not_found"}

	// ErrDatabase is a family: the database itself, which refuses or fails.
	ErrDatabase = &Error{Code: "database"}

	// ErrSetup is a family: a process in which Knocker cannot run as it is set up.
	ErrSetup = &Error{Code: "setup"}

	// ErrInvalidArgument: an argument has the wrong type, form or value.
	ErrInvalidArgument = &Error{Code: "invalid_argument"}

	// ErrNowRequired: the connection is strict, and the call left the time out.
	ErrNowRequired = &Error{Code: "now_required"}

	// ErrUnknownEndpoint: no endpoint has that name.
	ErrUnknownEndpoint = &Error{Code: "unknown_endpoint"}

	// ErrUnknownProvider: no provider has that name.
	ErrUnknownProvider = &Error{Code: "unknown_provider"}

	// ErrUnknownEvent: no event has that id.
	ErrUnknownEvent = &Error{Code: "unknown_event"}

	// ErrUnknownDelivery: no delivery has that id.
	ErrUnknownDelivery = &Error{Code: "unknown_delivery"}

	// ErrBadState: the event is in a state that this action does not leave.
	ErrBadState = &Error{Code: "bad_state"}

	// ErrStaleJudgement: the judgement was made for another endpoint, under other settings, or by another version.
	ErrStaleJudgement = &Error{Code: "stale_judgement"}

	// ErrLeaseLost: the job is not leased to this worker any more.
	ErrLeaseLost = &Error{Code: "lease_lost"}

	// ErrNotBootstrapped: the schema is not there.
	ErrNotBootstrapped = &Error{Code: "not_bootstrapped"}

	// ErrSchemaIncomplete: part of the schema is missing.
	ErrSchemaIncomplete = &Error{Code: "schema_incomplete"}

	// ErrSchemaTooNew: the file was written by a newer version.
	ErrSchemaTooNew = &Error{Code: "schema_too_new"}

	// ErrBusy: another connection holds the write lock.
	ErrBusy = &Error{Code: "busy"}

	// ErrReadOnly: the database cannot be written.
	ErrReadOnly = &Error{Code: "read_only"}

	// ErrDiskFull: no room for the write.
	ErrDiskFull = &Error{Code: "disk_full"}

	// ErrIO: the operating system failed to read or write.
	ErrIO = &Error{Code: "io_error"}

	// ErrCorrupt: the file is damaged.
	ErrCorrupt = &Error{Code: "corrupt"}

	// ErrCallInterrupted: the host interrupted the call.
	ErrCallInterrupted = &Error{Code: "interrupted"}

	// ErrNestedStatement: called from inside a statement that already writes.
	ErrNestedStatement = &Error{Code: "nested_statement"}

	// ErrUnsupportedSQLite: the host's SQLite is older than the oldest one that works.
	ErrUnsupportedSQLite = &Error{Code: "unsupported_sqlite"}

	// ErrSecondSQLite: another SQLite library of this process has loaded the extension already.
	ErrSecondSQLite = &Error{Code: "second_sqlite"}

	// ErrSQLite: SQLite refused for another reason.
	ErrSQLite = &Error{Code: "sqlite_error"}

	// ErrUsage: the package was called in a way that cannot work; the message says how to call it.
	ErrUsage = &Error{Code: "usage"}

	// ErrClosed: used after the end: hooks after they were closed, or tx after its handler.
	ErrClosed = &Error{Code: "closed"}

	// ErrForked: used in a child process that was forked while a connection was open.
	ErrForked = &Error{Code: "forked"}

	// ErrFileReplaced: the file was removed, or another was put in its place, while it was open. Nothing was stored.
	ErrFileReplaced = &Error{Code: "file_replaced"}

	// ErrNotReplicated: the receipt is stored, and its replica did not say in time that it has it.
	ErrNotReplicated = &Error{Code: "not_replicated"}

	// ErrUnknownTenant: no file of the pattern is of that tenant, or it is no name of one.
	ErrUnknownTenant = &Error{Code: "unknown_tenant"}

	// ErrTooManyOpen: as many tenants' files are open as max_open allows, and each was in use for as long as a lock is waited for.
	ErrTooManyOpen = &Error{Code: "too_many_open"}

	// ErrClusterUnavailable: no node of the rqlite cluster has answered in time that the call is done. What was sent may be stored all the
	// same.
	ErrClusterUnavailable = &Error{Code: "cluster_unavailable"}

	// ErrLibraryNotFound: the loadable library is not where it was looked for.
	ErrLibraryNotFound = &Error{Code: "library_not_found"}

	// ErrLibraryTooOld: the loadable library is older than the package.
	ErrLibraryTooOld = &Error{Code: "library_too_old"}

	// ErrCannotLoad: the SQLite of this process refuses or fails to load the library.
	ErrCannotLoad = &Error{Code: "cannot_load"}

	// ErrNoHandler: the worker of this process has no handler for an event's type.
	ErrNoHandler = &Error{Code: "no_handler"}

	// ErrBodyConsumed: a body parser read the request before Knocker and kept no raw bytes.
	ErrBodyConsumed = &Error{Code: "body_consumed"}
)

// factsOf says what is known of a code.
func factsOf(code string) facts {
	switch code {
	case "invalid_argument":
		return facts{"", false, "Correct the argument that the message names."}
	case "now_required":
		return facts{"", false, "Pass now, in Unix milliseconds, as the last argument; or call knocker_strict(0) where no statement is replicated."}
	case "unknown_endpoint":
		return facts{"not_found", false, "Declare it with Hooks.Endpoint, or correct the name in the URL."}
	case "unknown_provider":
		return facts{"not_found", false, "knocker providers lists the names."}
	case "unknown_event":
		return facts{"not_found", false, "Hooks.Events lists what there is; a pruned event is gone."}
	case "unknown_delivery":
		return facts{"not_found", false, "Hooks.Deliveries lists what there is; a pruned delivery is gone."}
	case "bad_state":
		return facts{"", false, "Look at the event's status: replay takes handled, failed, dead and ignored ones, requeue failed, dead and ignored ones, ignore received, failed and dead ones; force also takes received and processing ones."}
	case "stale_judgement":
		return facts{"", true, "Receive the request again. Nothing was written."}
	case "lease_lost":
		return facts{"", false, "Another worker has the job or an operator took it, and what the handler wrote is rolled back. Use a longer lease for handlers that run long."}
	case "not_bootstrapped":
		return facts{"database", false, "Open the file with Open, which makes what it needs."}
	case "schema_incomplete":
		return facts{"database", false, "Restore the tables from a backup; missing indexes, triggers and views are put back when the file is opened."}
	case "schema_too_new":
		return facts{"database", false, "Upgrade Knocker in this process; the file was migrated by a newer version."}
	case "busy":
		return facts{"database", true, "Try again. Another connection holds the write lock: keep write transactions short."}
	case "read_only":
		return facts{"database", false, "Open the database read-write and check the permissions of the file and of its folder."}
	case "disk_full":
		return facts{"database", true, "Free space on the disk, then try again. Nothing was written."}
	case "io_error":
		return facts{"database", true, "Check the disk and the system log, then try again. Nothing was written."}
	case "corrupt":
		return facts{"database", false, "Restore a backup; SQLite's own integrity check says what is damaged."}
	case "interrupted":
		return facts{"database", true, "The call was cancelled and nothing was written; try it again."}
	case "nested_statement":
		return facts{"database", false, "Call it by itself, and not from inside a statement that writes. Nothing was written."}
	case "unsupported_sqlite":
		return facts{"setup", false, "Use a SQLite of version 3.38.0 or newer."}
	case "second_sqlite":
		return facts{"setup", false, "Use one SQLite library per process: two on one file drop each other's locks."}
	case "sqlite_error":
		return facts{"database", false, "The message is SQLite's own; the database may have been changed by hand."}
	case "usage":
		return facts{"", false, "Correct the call as the message says."}
	case "closed":
		return facts{"usage", false, "Use it only while it is open."}
	case "forked":
		return facts{"usage", false, "Fork before workers start, start them in the child, or begin the child anew."}
	case "file_replaced":
		return facts{"database", true, "The file at the path is opened once it is whole and at rest; where there is none, put one there: the app makes none."}
	case "not_replicated":
		return facts{"database", true, "See that Litestream runs, replicates this file and reaches its replica. A retry of the sender is a duplicate."}
	case "unknown_tenant":
		return facts{"not_found", false, "Correct the name, or make the tenant's file with create: a request never does."}
	case "too_many_open":
		return facts{"database", true, "Try again. Give MaxOpen room for the tenants that are used at once, and hold their hooks no longer than needed."}
	case "cluster_unavailable":
		return facts{"database", true, "See that most of the nodes run and reach each other. A retry of a receipt that was stored is a duplicate."}
	case "library_not_found":
		return facts{"setup", false, "Set KNOCKER_EXTENSION to the path of libknocker, or install the package that brings the one of this platform."}
	case "library_too_old":
		return facts{"setup", false, "Use the library that comes with the package: unset KNOCKER_EXTENSION, or let it name one of the package's version or a newer one."}
	case "cannot_load":
		return facts{"setup", false, "Use a SQLite that can load extensions, and a library that was built for this platform."}
	case "no_handler":
		return facts{"setup", false, "Add a handler of that type, a prefix of it or *, or say with the endpoint's setting Unhandled what becomes of such events."}
	case "body_consumed":
		return facts{"setup", false, "Mount the webhook route before the body parser, or let the parser keep the raw bytes."}
	}
	return facts{}
}

// codeOfResult is the code that a primary result code of SQLite stands for.
func codeOfResult(result int) string {
	switch result {
	case 5, 6:
		return "busy"
	case 8:
		return "read_only"
	case 9:
		return "interrupted"
	case 10, 14:
		return "io_error"
	case 11, 26:
		return "corrupt"
	case 13:
		return "disk_full"
	}
	return "sqlite_error"
}
