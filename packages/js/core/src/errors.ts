/**
 * One class tree for every failure. The codes are those of the extension's table; a few more belong to the packages themselves.
 */

/** What `knocker_errors` says about a code. */
export interface ErrorFacts {
  /** Whether the same call may succeed later. */
  retryable: boolean;
  /** What the person who reads the error can do. */
  hint: string;
}

/** Every error that Knocker throws. */
export class KnockerError extends Error {
  /** The stable code: `"busy"`, `"unknown_endpoint"` and so on. */
  readonly code: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** What the person who reads the error can do. */
  readonly hint: string;

  constructor(code: string, message: string, facts: ErrorFacts, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.retryable = facts.retryable;
    this.hint = facts.hint;
  }
}

/** An argument has the wrong type, form or value. */
export class InvalidArgumentError extends KnockerError {}
/** An id or a name that does not exist. */
export class NotFoundError extends KnockerError {}
/** No endpoint has that name. */
export class UnknownEndpointError extends NotFoundError {}
/** No provider has that name. */
export class UnknownProviderError extends NotFoundError {}
/** No event has that id. */
export class UnknownEventError extends NotFoundError {}
/** No delivery has that id. */
export class UnknownDeliveryError extends NotFoundError {}
/** The event is in a state that this action does not leave. */
export class BadStateError extends KnockerError {}
/** The job is not leased to this worker any more. */
export class LeaseLostError extends KnockerError {}
/** The database itself refuses or fails. */
export class DatabaseError extends KnockerError {}
/** The schema is not there. */
export class NotBootstrappedError extends DatabaseError {}
/** Part of the schema is missing. */
export class SchemaIncompleteError extends DatabaseError {}
/** The file was written by a newer version. */
export class SchemaTooNewError extends DatabaseError {}
/** Another connection holds the write lock. */
export class BusyError extends DatabaseError {}
/** The database cannot be written. */
export class ReadOnlyError extends DatabaseError {}
/** No room for the write. */
export class DiskFullError extends DatabaseError {}
/** The operating system failed to read or write. */
export class IoError extends DatabaseError {}
/** The file was removed, or another was put in its place, while it was open. */
export class FileReplacedError extends DatabaseError {}
/** The endpoint was changed between the judging of a request and its storing. */
export class StaleJudgementError extends DatabaseError {}
/** The file is damaged. */
export class CorruptError extends DatabaseError {}
/** The application interrupted the statement. */
export class CallInterruptedError extends DatabaseError {}
/** Called from inside a statement that already writes. */
export class NestedStatementError extends DatabaseError {}
/** SQLite refused for another reason. */
export class SqliteError extends DatabaseError {}
/** Knocker cannot run in this process as it is set up. */
export class SetupError extends KnockerError {}
/** The host's SQLite is older than the oldest one that works. */
export class UnsupportedSqliteError extends SetupError {}
/** A second SQLite library of this process is about to open the same file. */
export class SecondSqliteError extends SetupError {}
/** The package was called in a way that cannot work; the message says how to call it. */
export class UsageError extends KnockerError {}
/** The loadable library is not where it is looked for. */
export class LibraryNotFoundError extends SetupError {}
/** This runtime has no SQLite driver that can load extensions. */
export class CannotLoadError extends SetupError {}
/** A body parser read the request before Knocker and kept no raw bytes. */
export class BodyConsumedError extends SetupError {}
/** Used after `close()`, or a transaction used after its handler ended. */
export class ClosedError extends UsageError {}

type ErrorClass = new (code: string, message: string, facts: ErrorFacts, options?: ErrorOptions) => KnockerError;

const CLASSES: Record<string, ErrorClass> = {
  invalid_argument: InvalidArgumentError,
  unknown_endpoint: UnknownEndpointError,
  unknown_provider: UnknownProviderError,
  unknown_event: UnknownEventError,
  unknown_delivery: UnknownDeliveryError,
  bad_state: BadStateError,
  lease_lost: LeaseLostError,
  not_bootstrapped: NotBootstrappedError,
  schema_incomplete: SchemaIncompleteError,
  schema_too_new: SchemaTooNewError,
  busy: BusyError,
  read_only: ReadOnlyError,
  disk_full: DiskFullError,
  io_error: IoError,
  file_replaced: FileReplacedError,
  stale_judgement: StaleJudgementError,
  corrupt: CorruptError,
  interrupted: CallInterruptedError,
  nested_statement: NestedStatementError,
  unsupported_sqlite: UnsupportedSqliteError,
  second_sqlite: SecondSqliteError,
  sqlite_error: SqliteError,
  library_not_found: LibraryNotFoundError,
  cannot_load: CannotLoadError,
  body_consumed: BodyConsumedError,
  usage: UsageError,
  closed: ClosedError,
};

/** The facts of the codes. Those of the extension are added from its own table when the first connection loads it. */
const catalogue = new Map<string, ErrorFacts>([
  [
    "library_not_found",
    {
      retryable: false,
      hint: "Install with optional dependencies, or set KNOCKER_EXTENSION to the path of libknocker.",
    },
  ],
  [
    "cannot_load",
    { retryable: false, hint: "Use Node 22.16 or newer, or install better-sqlite3, or name a driver: open(path, { driver })." },
  ],
  [
    "body_consumed",
    {
      retryable: false,
      hint: "Mount the webhook route before the body parser, or let the parser keep the bytes: express.raw({ type: '*/*' }) on this route, or express.json({ verify: (req, res, bytes) => { req.rawBody = bytes } }), or in Hono c.req.arrayBuffer().",
    },
  ],
  ["closed", { retryable: false, hint: "Keep it open for as long as it is used." }],
  [
    "file_replaced",
    {
      retryable: true,
      hint: "Put a whole file in its place by renaming; the program opens it by itself. Stop every program first where you can, and take away the -wal and -shm of the former one.",
    },
  ],
  ["usage", { retryable: false, hint: "Correct the call as the message says." }],
  // Needed before the library is loaded, when its own table cannot be read yet.
  ["second_sqlite", { retryable: false, hint: "Use one SQLite library per process: two on one file drop each other's locks." }],
]);

/** Takes over the extension's table of codes. */
export function learnErrors(rows: Iterable<{ code: string; retryable: number; hint: string }>): void {
  for (const row of rows) catalogue.set(row.code, { retryable: row.retryable !== 0, hint: row.hint });
}

/** The error of this code. A code that this version does not know gives the base class. */
export function knockerError(code: string, message: string, cause?: unknown): KnockerError {
  const facts = catalogue.get(code) ?? { retryable: false, hint: "" };
  return new (CLASSES[code] ?? KnockerError)(code, message, facts, cause === undefined ? undefined : { cause });
}

/** The code that SQLite's primary result code stands for where the extension did not name one itself. */
const RESULT_CODES: Record<number, string> = {
  5: "busy",
  6: "busy",
  8: "read_only",
  9: "interrupted",
  10: "io_error",
  11: "corrupt",
  13: "disk_full",
  14: "io_error",
  26: "corrupt",
};

/**
 * The Knocker error that a driver's error stands for: the text of the extension carries its code, anything else has only a result code.
 * @param resultCode SQLite's (extended) result code, where the driver tells it.
 */
export function fromDriver(error: unknown, resultCode: number | undefined): KnockerError {
  if (error instanceof KnockerError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const named = /knocker: ([a-z_]+): ([^]*)/.exec(text);
  if (named) return knockerError(named[1]!, named[2]!, error);
  return knockerError(RESULT_CODES[(resultCode ?? 1) & 0xff] ?? "sqlite_error", text, error);
}
