/** What every part of one `Knocker` shares: connections, the writer, the clock. */

import { check } from "./check.js";
import type { Connection, Driver, Row, SqlValue } from "./driver.js";
import { type KnockerError, knockerError } from "./errors.js";
import { claimFile, loadOn } from "./library.js";
import { type WriteLock, lockOf } from "./lock.js";
import { checkOptions, checkPath, CLOCK_TIME, type OnError, type OpenOptions, reporter } from "./options.js";
import { isInHandlerOf } from "./running.js";
import { Writer } from "./writer.js";

const selects = new Map<string, string>();

/** `SELECT function(?, …)` with one mark an argument and one for the clock. The same text each time: it is what statements are kept by. */
function selectOf(name: string, count: number): string {
  const key = `${name}/${count}`;
  let sql = selects.get(key);
  if (sql === undefined) {
    sql = `SELECT ${name}(${Array(count + 1)
      .fill("?")
      .join(", ")}) AS result`;
    selects.set(key, sql);
  }
  return sql;
}

/** The shared state of one `Knocker`. */
export class Session<Db extends object> {
  readonly driver: Driver<Db>;
  readonly options: OpenOptions;
  readonly busyTimeoutMs: number;
  /** Reads, and the writes of the writer. */
  readonly connection: Connection<Db>;
  readonly lock: WriteLock;
  readonly writer: Writer;
  /** Tells `onError`. */
  readonly report: OnError;
  readonly #closers = new Set<() => unknown>();
  readonly #listeners = new Set<() => void>();
  /** Whether the connection was opened here. */
  #owned = true;
  #releaseFile = (): void => {};
  #rivalNoticed = false;
  #closing: Promise<void> | undefined;
  closed = false;

  /** @param database an open database of the application, instead of a file. */
  constructor(driver: Driver<Db>, source: { path: string } | { database: Db }, options: OpenOptions) {
    this.driver = driver;
    this.options = options;
    if ("path" in source) checkPath(source.path);
    checkOptions("path" in source ? "open(path, options)" : "attach(database, options)", options);
    this.busyTimeoutMs = options.busyTimeoutMs ?? 5000;
    this.report = reporter(options.onError);
    this.connection = this.#first(source);
    this.lock = lockOf(this.connection.file);
    this.writer = new Writer(this.connection, this.lock, this.busyTimeoutMs, () => this.announce());
    this.#patiently(() => this.connection.get("SELECT knocker_bootstrap(?)", this.now()));
    this.noticeRival();
  }

  /** Whether everything shares one connection: a database in memory has no second. */
  get inMemory(): boolean {
    return this.connection.file === "";
  }

  /** The injected clock's time; null, and a clock that says nothing, let the extension read the system's. */
  now(): number | null {
    const time: unknown = this.options.now?.();
    if (time === undefined || time === null) return null;
    check("open(path, { now })", "what now() returns", time, CLOCK_TIME);
    return Math.trunc(time as number);
  }

  /** A further connection on the same file, for a worker. Refused once `close` was called, which would not know of it. */
  connect(synchronous = this.options.synchronous ?? "full"): Connection<Db> {
    if (this.#closing) throw closed();
    this.noticeRival();
    return this.reconnect(synchronous);
  }

  /** Tells `onError`, once, where a second SQLite library has come into this process and nobody said which one opens the files. */
  noticeRival(): void {
    const rival = this.#rivalNoticed ? undefined : this.driver.rival?.();
    if (rival === undefined) return;
    this.#rivalNoticed = true;
    this.report(
      knockerError(
        "second_sqlite",
        `${this.connection.file || "the database"} was opened through ${this.driver.name}, which nobody named, and this process has loaded ${rival} as well: if that opens the same file, locks are lost. Say open(path, { driver })`,
      ),
    );
  }

  /** How long SQLite itself waits for another connection. A connection of the application keeps its own setting. */
  setBusyTimeout(connection: Connection<Db>, timeoutMs: number): void {
    if (!this.inMemory || this.#owned) connection.exec(`PRAGMA busy_timeout = ${timeoutMs}`);
  }

  /** The same in place of one that had to be given up, also while `close` waits for the worker that needs it. */
  reconnect(synchronous = this.options.synchronous ?? "full"): Connection<Db> {
    if (this.inMemory) return this.connection;
    const connection = this.driver.open(this.connection.file);
    try {
      this.#prepare(connection, synchronous);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  /** Calls a function in the next group commit. The clock follows as its last argument. */
  async call(name: string, ...parameters: SqlValue[]): Promise<SqlValue> {
    return this.submit(name, parameters, (result) => result);
  }

  /** The same, with its result read in the same step. */
  submit<T>(name: string, parameters: readonly SqlValue[], read: (result: SqlValue) => T): Promise<T> {
    if (this.closed) return Promise.reject(closed());
    return this.writer.submit(selectOf(name, parameters.length), [...parameters, this.now()], read);
  }

  /** Calls a function at once, in a transaction of its own. Waiting for another process blocks the thread. */
  callSync(name: string, ...parameters: SqlValue[]): SqlValue {
    this.requireOpen();
    const row = this.#patiently(() => this.connection.get(selectOf(name, parameters.length), ...parameters, this.now()));
    this.announce();
    return row!["result"]!;
  }

  /** Reads at once. */
  all(sql: string, ...parameters: SqlValue[]): Row[] {
    this.requireOpen();
    return this.connection.all(sql, ...parameters);
  }

  /** Calls back after each commit of this `Knocker`, until the returned function is called. */
  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the workers of this `Knocker` that something was committed. */
  announce(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Runs `closer` on close, before the connection goes, unless the returned function is called first. */
  onClose(closer: () => unknown): () => void {
    this.#closers.add(closer);
    return () => this.#closers.delete(closer);
  }

  /** @throws ClosedError */
  requireOpen(): void {
    if (this.closed) throw closed();
  }

  /**
   * Stops what runs, finishes what was submitted and closes the connections that were opened here. Called inside a handler it settles at once: that
   * handler would wait for itself.
   */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    if (!isInHandlerOf(this)) return this.#closing;
    this.#closing.catch((error: unknown) => this.report(error));
    return Promise.resolve();
  }

  async #end(): Promise<void> {
    // The handlers that still run may write through this Knocker.
    await Promise.all([...this.#closers].map((closer) => closer()));
    // From here on everything new is refused: a server under load would never let the writer come to rest.
    this.closed = true;
    await this.writer.idle();
    this.#releaseFile();
    if (this.#owned) this.connection.close();
  }

  #first(source: { path: string } | { database: Db }): Connection<Db> {
    let connection: Connection<Db>;
    if ("path" in source) {
      connection = this.driver.open(source.path);
    } else {
      const attached = this.driver.wrap(source.database);
      if (!attached.file && attached.inTransaction) {
        throw knockerError(
          "usage",
          "attach(database): the database is in memory and its transaction is open, which the schema would become part of",
        );
      }
      // The application's own connection gets the functions and views, and is otherwise left as it is: its transactions are its own.
      loadOn(attached, this.options.extension);
      connection = attached.file ? this.driver.open(attached.file) : attached;
      this.#owned = attached.file !== "";
    }
    try {
      this.#releaseFile = claimFile(connection.file, this.driver);
      if (this.#owned) this.#prepare(connection, this.options.synchronous ?? "full");
    } catch (error) {
      this.#releaseFile();
      if (this.#owned) connection.close();
      throw error;
    }
    return connection;
  }

  #prepare(connection: Connection<Db>, synchronous: "full" | "normal"): void {
    connection.exec(`PRAGMA busy_timeout = ${this.busyTimeoutMs}`);
    connection.get("PRAGMA journal_mode = WAL");
    connection.exec(`PRAGMA synchronous = ${synchronous}`);
    connection.exec("PRAGMA foreign_keys = ON");
    loadOn(connection, this.options.extension);
    // Whoever waits does so without blocking the event loop, see `whenWritable`.
    connection.exec("PRAGMA busy_timeout = 0");
  }

  #patiently<T>(work: () => T): T {
    // The handler that holds the lock needs this thread to come to its end: waiting for it would last for ever.
    if (this.lock.heldByOther()) throw knockerError("busy", "a handler of this process is in the middle of its transaction");
    this.setBusyTimeout(this.connection, this.busyTimeoutMs);
    try {
      return work();
    } finally {
      this.setBusyTimeout(this.connection, 0);
    }
  }
}

function closed(): KnockerError {
  return knockerError("closed", "this Knocker is closed");
}
