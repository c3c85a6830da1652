/** The file of one `Hooks`: connections to it, and everything that may happen to it while it is open. */

import { resolve } from "node:path";

import { check } from "./check.js";
import { Checkpoints } from "./checkpoints.js";
import { tellOfChanges } from "./declarations.js";
import type { Connection, Driver } from "./driver.js";
import { type Disk, diskOf } from "./disk.js";
import { knockerError, ReadOnlyError } from "./errors.js";
import { claimFile, loadOn } from "./library.js";
import { Link, type LinkSource } from "./link.js";
import { type WriteLock, lockOf, whenFree } from "./lock.js";
import { explainedOpening } from "./opening.js";
import { checkOptions, checkPath, CLOCK_TIME, type OpenOptions } from "./options.js";
import { type Log, logOf } from "./log.js";
import { Place } from "./place.js";
import { factsOf, said, Telling } from "./telling.js";
import { selectOf } from "./statements.js";

/** How often the path is looked at while nothing is written, in milliseconds. */
const LOOK_EVERY_MS = 500;

/** How long a checkpoint waits for those who read or write, in milliseconds. */
const CHECKPOINT_PATIENCE_MS = 50;

/** How much a write writes, for the checkpoints: calls, and the bytes that they bring. */
export interface WriteSize {
  calls: number;
  bytes: number;
}

const ONE_CALL: WriteSize = { calls: 1, bytes: 0 };

/** An open file, or a database in memory. */
export abstract class InboxFile<Db extends object> implements LinkSource<Db> {
  readonly driver: Driver<Db>;
  readonly options: OpenOptions;
  readonly busyTimeoutMs: number;
  /** Reads, and the writes of the writer. */
  readonly main: Link<Db>;
  readonly log: Log;
  /** Tells of failures that no caller sees. */
  readonly telling: Telling;
  /** As SQLite names it, `""` for a database in memory. */
  file: string;
  lock: WriteLock;
  disk: Disk;
  generation = 0;
  closed = false;
  /** The configuration of the endpoints that this process has declared. */
  protected readonly declared = new Map<string, string>();
  readonly #checkpoints = new Checkpoints();
  /** Whether the connection was opened here. */
  #owned = true;
  /** The application's own connection, where there is another one for this. */
  #attached: Connection<Db> | undefined;
  /** Undefined for a database in memory. */
  #place: Place | undefined;
  #looking: NodeJS.Timeout | undefined;
  #goneTold = false;
  #releaseFile = (): void => {};

  /** @param database an open database of the application, instead of a file. */
  constructor(driver: Driver<Db>, source: { path: string } | { database: Db }, options: OpenOptions) {
    this.driver = driver;
    this.options = options;
    if ("path" in source) checkPath(source.path);
    checkOptions("path" in source ? "open(path, options)" : "attach(database, options)", options);
    this.busyTimeoutMs = options.busyTimeoutMs ?? 5000;
    this.log = logOf(options.logger);
    this.telling = new Telling(this.log, options);
    const first = this.#explained(source, () => this.#first(source));
    this.file = first.file;
    this.lock = lockOf(this.file);
    this.disk = diskOf(this.file);
    this.main = new Link<Db>(this, first);
    try {
      this.#explained(source, () => this.patiently(() => this.write(() => this.main.use((connection) => this.#bootstrap(connection)))));
    } catch (error) {
      this.#releaseFile();
      if (this.#owned) this.main.drop();
      throw error;
    }
    if (this.file) this.#settle(new Place("path" in source ? resolve(source.path) : this.file, this.file));
  }

  /** Tells the workers that something was committed. */
  abstract announce(): void;

  /** Has a checkpoint run after what is being written has been answered. */
  protected abstract tidy(): void;

  /** Whether everything shares one connection: a database in memory has no second. */
  get inMemory(): boolean {
    return this.file === "";
  }

  /** The connection of the reads and of the writer. */
  get connection(): Connection<Db> {
    return this.main.connection;
  }

  /** The injected clock's time; null, and a clock that says nothing, let the extension read the system's. */
  now(): number | null {
    const time: unknown = this.options.now?.();
    if (time === undefined || time === null) return null;
    check("open(path, { now })", "what now() returns", time, CLOCK_TIME);
    return Math.trunc(time as number);
  }

  /** How long SQLite itself waits for another connection. A connection of the application keeps its own setting. */
  setBusyTimeout(connection: Connection<Db>, timeoutMs: number): void {
    if (!this.inMemory || this.#owned) connection.exec(`PRAGMA busy_timeout = ${timeoutMs}`);
  }

  /**
   * While a handler of this thread holds the lock, the application's own connection is refused at once instead of after its busy timeout: it would block the thread
   * that the handler needs.
   * @returns what puts its setting back.
   */
  letOwnerNotWait(): () => void {
    const owner = this.#attached;
    try {
      const timeoutMs = owner?.get("PRAGMA busy_timeout")?.["timeout"];
      if (!owner || !timeoutMs) return () => {};
      owner.exec("PRAGMA busy_timeout = 0");
      return () => {
        try {
          owner.exec(`PRAGMA busy_timeout = ${timeoutMs}`);
        } catch {
          // Closed meanwhile.
        }
      };
    } catch {
      // Closed, or in the middle of a statement.
      return () => {};
    }
  }

  /** The same in place of one that had to be given up, also while `close` waits for the worker that needs it. */
  reconnect(): Connection<Db> {
    if (this.inMemory) return this.main.connection;
    // Opening a file that is not there would create it.
    if (this.#place?.isInPlace() === false) throw this.#place.gone();
    const connection = this.#open(this.file);
    if (!isReadOnly(connection)) return connection;
    // One failure of a moment makes SQLite open the file for reading alone, for as long as the connection lives.
    connection.close();
    return this.#open(this.file);
  }

  /**
   * Goes on on the file that stands at the path.
   * @throws FileReplacedError while the one that was opened is gone and no other can be opened.
   */
  requireFile(): void {
    const place = this.#place;
    if (!place) return;
    if (place.isInPlace()) {
      this.#goneTold = false;
      return;
    }
    this.#tellGone(place);
    if (!place.hasSettled()) throw place.gone();
    this.#moveTo(place);
    this.#goneTold = false;
  }

  /** Once: whoever wants to write is told each time. */
  #tellGone(place: Place): void {
    if (this.#goneTold) return;
    this.#goneTold = true;
    this.telling.error(place.gone(), "file_replaced");
  }

  /**
   * What every write to the file goes through: the file must be in its place, and its disk to be believed, before it and when it is answered.
   * @param work writes, and commits.
   */
  write<T>(work: () => T, { calls, bytes } = ONE_CALL): T {
    this.requireFile();
    if (this.disk.doubt) this.#requireTrust();
    let result;
    try {
      result = work();
    } catch (error) {
      const believed = !this.disk.doubt;
      this.disk.wroteWith(error);
      // Who wrote hears of the error; what follows from it is for a log.
      if (believed && this.disk.doubt)
        this.telling.line(
          "error",
          "disk_failed",
          `nothing is acknowledged until the write-ahead log is checkpointed: ${said(error)}`,
          factsOf(error),
        );
      throw error;
    }
    if (this.#place?.isInPlace() === false) {
      this.#tellGone(this.#place);
      throw this.#place.gone();
    }
    this.#checkpoints.wrote(calls, bytes);
    if (!this.inMemory && this.#checkpoints.isDue(this.file)) this.tidy();
    return result;
  }

  /** `write`, and again while the lock is held elsewhere, without blocking the event loop in between. */
  whenWritable<T>(limitMs: number, work: () => T, size = ONE_CALL): Promise<T> {
    return whenFree(this.lock, limitMs, () => this.write(work, size));
  }

  /** Moves the log into the file, and tells where that fails. For the writer, between two groups. */
  checkpoint(): void {
    if (this.closed || this.disk.doubt) return;
    const connection = this.main.current;
    // A handler of this thread that holds the lock could not come to its end while this waits: its own commit is the next occasion.
    if (!connection || connection.inTransaction || this.lock.heldByOther()) return;
    try {
      const failure = this.#waiting(CHECKPOINT_PATIENCE_MS, connection, () => this.#checkpoints.run(connection, this.file, this.disk));
      if (failure !== undefined) this.telling.error(failure, "disk_failed");
    } catch (error) {
      // The connection refuses even its settings: whoever writes next is told the same.
      this.telling.error(error, "disk_failed");
    }
  }

  #requireTrust(): void {
    const connection = this.connection;
    if (this.lock.heldByOther() || connection.inTransaction) throw this.disk.refusal();
    this.#waiting(CHECKPOINT_PATIENCE_MS, connection, () => this.disk.requireTrust(connection));
    this.telling.line("warn", "disk_recovered", "the write-ahead log is checkpointed: receipts are taken again");
  }

  /** Runs something on a connection that waits so long for others, and blocks the thread meanwhile. */
  #waiting<T>(timeoutMs: number, connection: Connection<Db>, work: () => T): T {
    this.setBusyTimeout(connection, timeoutMs);
    try {
      return work();
    } finally {
      this.setBusyTimeout(connection, 0);
    }
  }

  /** Closes what was opened here. */
  protected closeFile(): void {
    clearInterval(this.#looking);
    this.#releaseFile();
    if (this.#owned) this.main.close();
  }

  /** Runs a write that waits for other processes in place, which blocks the thread. */
  protected patiently<T>(work: () => T): T {
    // The handler that holds the lock needs this thread to come to its end: waiting for it would last for ever.
    if (this.lock.heldByOther()) throw knockerError("busy", "a handler of this process is in the middle of its transaction");
    this.requireFile();
    if (this.disk.doubt) this.#requireTrust();
    this.setBusyTimeout(this.connection, this.busyTimeoutMs);
    try {
      return work();
    } finally {
      // It may be another by now.
      const current = this.main.current;
      if (current) this.setBusyTimeout(current, 0);
    }
  }

  #explained<T>(source: { path: string } | { database: Db }, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw "path" in source ? explainedOpening(source.path, error) : error;
    }
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
      if (attached.file) this.#attached = attached;
      this.#owned = attached.file !== "";
    }
    try {
      this.#releaseFile = claimFile(connection.file, this.driver);
      if (this.#owned) this.#prepare(connection);
    } catch (error) {
      this.#releaseFile();
      if (this.#owned) connection.close();
      throw error;
    }
    return connection;
  }

  #open(path: string): Connection<Db> {
    const connection = this.driver.open(path);
    try {
      this.#prepare(connection);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  #prepare(connection: Connection<Db>): void {
    connection.exec(`PRAGMA busy_timeout = ${this.busyTimeoutMs}`);
    connection.get("PRAGMA journal_mode = WAL");
    connection.exec(`PRAGMA synchronous = ${this.options.synchronous ?? "full"}`);
    connection.exec("PRAGMA foreign_keys = ON");
    // They tell nobody where they fail: see `Checkpoints`.
    if (connection.file) connection.exec("PRAGMA wal_autocheckpoint = 0");
    loadOn(connection, this.options.extension);
    // Whoever waits does so without blocking the event loop, see `whenWritable`.
    connection.exec("PRAGMA busy_timeout = 0");
  }

  #bootstrap(connection: Connection<Db>): void {
    connection.get("SELECT knocker_bootstrap(?)", this.now());
  }

  /** From here on the path is looked at. */
  #settle(place: Place): void {
    this.#place = place;
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
    // Alone it is no reason for the program to go on.
    this.#looking.unref();
  }

  #look(): void {
    try {
      this.requireFile();
    } catch {
      // That it is gone was told when it was noticed; whoever wants to write is told why it is not open yet.
    }
  }

  /** Opens the file that has taken the place of ours. */
  #moveTo(place: Place): void {
    this.#leave();
    const kept = place.clear();
    const connection = this.#open(place.path);
    let release;
    try {
      release = claimFile(connection.file, this.driver);
      connection.exec(`PRAGMA busy_timeout = ${this.busyTimeoutMs}`);
      this.#bootstrap(connection);
      for (const [name, config] of this.declared) this.#declareOn(connection, name, config);
      connection.exec("PRAGMA busy_timeout = 0");
    } catch (error) {
      release?.();
      connection.close();
      throw error;
    }
    this.#releaseFile();
    this.#releaseFile = release;
    this.generation += 1;
    this.main.replace(connection);
    if (connection.file !== this.file) {
      this.file = connection.file;
      this.lock = lockOf(this.file);
      this.disk = diskOf(this.file);
    }
    this.disk.reset();
    this.#checkpoints.reset();
    place.opened(this.file);
    for (const path of kept) this.telling.line("warn", "log_kept", `the log of the replaced file is kept as ${path}`, { path });
    this.telling.line("warn", "file_opened", `another file is at ${place.path} now, and open`, { path: place.path });
    const rest = kept.map((path) => `; what its log still held is in ${path}`).join("");
    this.telling.hear(
      knockerError("file_replaced", `the file ${place.path} was replaced while it was open, and the new one is open now${rest}`),
    );
    this.announce();
  }

  /** Declares an endpoint in a file that has taken the place of the one before, where it may be another one. */
  #declareOn(connection: Connection<Db>, name: string, config: string): void {
    const stored = () => connection.get("SELECT * FROM knocker_endpoints WHERE name = ?", name);
    const before = stored();
    connection.get(selectOf("knocker_endpoint", 2), name, config, this.now());
    if (before) tellOfChanges(this.log, before, stored()!);
  }

  /** Puts all that was committed into the former file, which may live on under another name, and closes it. */
  #leave(): void {
    const former = this.main.current;
    for (let tries = 0; former && tries < 4; tries++) {
      try {
        if (former.get("PRAGMA wal_checkpoint(TRUNCATE)")?.["busy"] === 0) break;
      } catch {
        // Its log stays, see `Place.clear`.
      }
    }
    this.main.drop();
  }
}

/** Whether a connection to a file that has the schema cannot write. `BEGIN IMMEDIATE` does not tell, nor does any driver. */
function isReadOnly(connection: Connection<unknown>): boolean {
  try {
    connection.get("DELETE FROM main._knocker_endpoints WHERE 0");
    return false;
  } catch (error) {
    return error instanceof ReadOnlyError;
  }
}
