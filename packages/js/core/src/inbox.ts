/** What every part of one `Hooks` shares: its file, the writer, who listens, and its end. */

import { resolve } from "node:path";

import { tellOfChanges } from "./declarations.js";
import type { Driver, Row, SqlValue } from "./driver.js";
import { type KnockerError, knockerError } from "./errors.js";
import { InboxFile } from "./inbox-file.js";
import type { Ways } from "./judging.js";
import { Link } from "./link.js";
import type { OpenOptions } from "./options.js";
import { ReceiveDurations } from "./metrics.js";
import { endOnReload } from "./reload.js";
import { holdsLock, isInHandlerOf, letGo } from "./running.js";
import { Paces } from "./pace.js";
import { Refusals } from "./refusals.js";
import { Replica } from "./replica.js";
import { selectOf } from "./statements.js";
import { Writer, type WriterSource } from "./writer.js";

/** The file of one `Hooks`, and what its parts share. */
export class Inbox<Db extends object> extends InboxFile<Db> {
  readonly writer: Writer;
  /** Stores receipts, where that is not in the file. */
  readonly store?: WriterSource["store"];
  /** What receipts wait for, where they do. */
  readonly replica: Replica | undefined;
  readonly refusals: Refusals;
  /** How long the receipts of this process took, for its metrics. */
  readonly receiveDurations = new ReceiveDurations();
  /** How quick the handlers of each type have lately been. */
  readonly paces = new Paces(() => this.now() ?? performance.now());
  readonly #closers = new Set<() => unknown>();
  readonly #listeners = new Set<() => void>();
  #rivalNoticed = false;
  #closing: Promise<void> | undefined;
  readonly #reloadListeners = new Set<() => void>();
  readonly #forgetReload: () => void;

  /** @param database an open database of the application, instead of a file. */
  constructor(driver: Driver<Db>, source: { path: string } | { database: Db }, options: OpenOptions) {
    super(driver, source, options);
    this.replica = this.#replicaOf("path" in source ? resolve(source.path) : this.file, options);
    this.refusals = new Refusals(this.log, () => this.now());
    this.writer = new Writer(this);
    this.noticeRival();
    this.#forgetReload = endOnReload(() => this.#endForReload());
  }

  /** Whether it is open, and not about to be closed. */
  get isOpen(): boolean {
    return this.#closing === undefined;
  }

  /** A further connection on the same file, for a worker. Refused once `close` was called, which would not know of it. */
  connect(): Link<Db> {
    if (this.#closing) throw closed();
    this.noticeRival();
    return new Link<Db>(this);
  }

  /** Tells, once, where a second SQLite library has come into this process and nobody said which one opens the files. */
  noticeRival(): void {
    const rival = this.#rivalNoticed ? undefined : this.driver.rival?.();
    if (rival === undefined) return;
    this.#rivalNoticed = true;
    this.telling.error(
      knockerError(
        "second_sqlite",
        `${this.file || "the database"} was opened through ${this.driver.name}, which nobody named, and this process has loaded ${rival} as well: if that opens the same file, locks are lost. Say open(path, { driver })`,
      ),
      "second_sqlite",
    );
  }

  /** Calls a function in the next group commit. The clock follows as its last argument. */
  async call(name: string, ...parameters: SqlValue[]): Promise<SqlValue> {
    if (this.closed) throw closed();
    this.#requireNotWaitedFor(name);
    return this.writer.submit(selectOf(name, parameters.length), [...parameters, this.now()], (result) => result);
  }

  /**
   * Judges a request before the next group, and stores the judgement in it; or does both at once. The endpoint is the first parameter. What is wrong with the call is
   * thrown at once.
   */
  judge<T>(ways: Ways, parameters: readonly [string, ...SqlValue[]], read: (result: SqlValue) => T): Promise<T> {
    if (this.closed) throw closed();
    this.#requireNotWaitedFor(ways.name);
    const now = this.now();
    return this.writer.judge({ endpoint: parameters[0], ways, parameters: [...parameters, now], now }, read);
  }

  /** Calls a function at once, in a transaction of its own. Waiting for another process blocks the thread. */
  callSync(name: string, ...parameters: SqlValue[]): SqlValue {
    this.requireOpen();
    this.#requireNotWaitedFor(name);
    const sql = selectOf(name, parameters.length);
    const row = this.patiently(() => this.write(() => this.main.use((connection) => connection.get(sql, ...parameters, this.now()))));
    this.announce();
    return row!["result"]!;
  }

  /** Creates or updates an endpoint, here and in each file that takes the place of this one. */
  declare(name: string, config: string): void {
    const settings = () => this.all("SELECT * FROM knocker_endpoints WHERE name = ?", name)[0];
    const before = settings();
    this.callSync("knocker_endpoint", name, config);
    this.declared.set(name, config);
    if (before) tellOfChanges(this.log, before, settings()!);
  }

  /** Reads at once what is here: the file, or of a cluster its endpoints. */
  all(sql: string, ...parameters: SqlValue[]): Row[] {
    this.requireOpen();
    this.requireFile();
    return this.connection.all(sql, ...parameters);
  }

  /** Reads what is stored, wherever that is. */
  async read(sql: string, ...parameters: SqlValue[]): Promise<Row[]> {
    return this.all(sql, ...parameters);
  }

  /** The same at once. */
  query(sql: string, ...parameters: SqlValue[]): Row[] {
    return this.all(sql, ...parameters);
  }

  /** Has `all` find the endpoints of others too. */
  refreshInPlace(): void {}

  /** Calls back after each commit of this `Hooks`, until the returned function is called. */
  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the workers of this `Hooks` that something was committed. */
  announce(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Runs `closer` on close, before the connection goes, unless the returned function is called first. */
  onClose(closer: () => unknown): () => void {
    this.#closers.add(closer);
    return () => this.#closers.delete(closer);
  }

  /** Calls back where the program is loaded anew, unless the returned function is called first. */
  onReload(listener: () => void): () => void {
    this.#reloadListeners.add(listener);
    return () => this.#reloadListeners.delete(listener);
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
    this.#closing.catch((error: unknown) => this.telling.error(error));
    return Promise.resolve();
  }

  protected tidy(): void {
    this.writer.tidy();
  }

  /** @throws UsageError where there is no file that could have one. */
  #replicaOf(path: string, { replicated, replicatedTimeoutMs = 5000 }: OpenOptions): Replica | undefined {
    if (replicated === undefined) return undefined;
    if (!this.inMemory) return new Replica(path, replicated, replicatedTimeoutMs);
    this.closeFile();
    throw knockerError("usage", "replicated: a database in memory has no replica; leave the option out where there is no file");
  }

  /** @throws UsageError inside a handler that holds the lock. */
  #requireNotWaitedFor(name: string): void {
    letGo();
    if (!holdsLock(this.lock)) return;
    throw knockerError(
      "usage",
      `${name}: this handler has held the write lock since its first use of tx, and the call would wait for it in vain. Call it before the first use of tx, or write through tx`,
    );
  }

  /** The program is loaded anew, and its handlers may be others now: what runs here is given up, so that the new program can do it. */
  #endForReload(): void {
    try {
      // One that waits in the middle of its transaction would keep the new program from the file.
      this.lock.breakOff();
      for (const giveUp of this.#reloadListeners) giveUp();
    } catch (error) {
      this.telling.error(error);
    }
    this.close().catch((error: unknown) => this.telling.error(error));
  }

  async #end(): Promise<void> {
    // The handlers that still run may write through these hooks.
    await Promise.all([...this.#closers].map((closer) => closer()));
    // From here on everything new is refused: a server under load would never let the writer come to rest.
    this.closed = true;
    this.#forgetReload();
    await this.writer.idle();
    this.replica?.close();
    this.closeFile();
  }
}

function closed(): KnockerError {
  return knockerError("closed", "these hooks are closed");
}
