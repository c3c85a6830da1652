/** A handler's transaction: the driver's own object, begun at its first use. */

import type { Connection } from "./driver.js";
import { BusyError, KnockerError, knockerError } from "./errors.js";
import { guard, transactionEnded } from "./guard.js";
import { statementsOf } from "./handler-statements.js";
import type { WriteLock } from "./lock.js";
import type { Inbox } from "./inbox.js";
import { textOf } from "./thrown-text.js";

/**
 * How long the first use waits for another process in place, in milliseconds: about one commit of it. A shorter wait would run handlers again in vain while
 * another process receives; a longer one would hold up this thread's event loop.
 */
const IN_PLACE_MS = 25;

const SQLITE_BUSY = 5;

/** The transaction of one run of an event's handlers, on a connection that nobody else uses meanwhile. */
export class LazyTransaction<Db extends object> {
  /** What the handler gets. */
  readonly tx: Db;
  /** Whether `BEGIN IMMEDIATE` has happened. */
  begun = false;
  /** When, by the stopwatch. */
  begunAtMs = 0;
  /** Whether another handler of this thread or another process held the lock when this one wanted it: run the handlers again when it is free. */
  conflicted = false;
  /** What it could not be begun for, where that was no conflict. */
  refusedBy: KnockerError | undefined;
  #over = false;
  #letOwnerWait = (): void => {};
  readonly #endLeftovers: () => void;
  readonly #isAltered: () => boolean;
  readonly #mayBeAttached: () => boolean;
  readonly #inbox: Inbox<Db>;
  readonly #connection: Connection<Db>;
  readonly #lock: WriteLock;

  constructor(inbox: Inbox<Db>, connection: Connection<Db>) {
    this.#inbox = inbox;
    this.#connection = connection;
    this.#lock = inbox.lock;
    const { database, endLeftovers, isAltered, mayBeAttached } = guard(connection.database, () => this.#begin(), statementsOf(connection));
    this.tx = database;
    this.#endLeftovers = endLeftovers;
    this.#isAltered = isAltered;
    this.#mayBeAttached = mayBeAttached;
  }

  /** Ends what the handlers left running, and commits what was begun together with what `result` writes. */
  commit(result: () => void): void {
    this.#endLeftovers();
    result();
    this.#connection.get("COMMIT");
    this.#end();
  }

  /**
   * Takes everything back. The lock is given back in any case.
   * @throws KnockerError where the connection refuses even that: it is of no further use.
   */
  rollback(): void {
    try {
      this.#endLeftovers();
      if (this.begun && this.#connection.inTransaction) this.#connection.get("ROLLBACK");
    } catch (error) {
      throw error instanceof KnockerError ? error : knockerError("sqlite_error", "an iterator of the handler cannot be ended", error);
    } finally {
      this.#end();
    }
  }

  /** Whether the handler ended the transaction by its own COMMIT or ROLLBACK. */
  get endedByHandler(): boolean {
    return this.begun && !this.#over && !this.#connection.inTransaction;
  }

  /** Whether something of the handlers is left on the connection: a setting, an attached file, a temporary table. To be asked when the transaction is over. */
  get altersConnection(): boolean {
    return this.#isAltered() || (this.begun && this.#mayBeAttached() && this.#connection.all("PRAGMA database_list").length !== 1);
  }

  /** Whether it holds this lock now. */
  holds(lock: WriteLock): boolean {
    return this.begun && !this.#over && lock === this.#lock;
  }

  /** What a handler threw; where another connection of its own has met the lock that it holds itself, in words that say so. */
  explained(error: unknown): unknown {
    return this.begun ? explained(error, this.#inbox.file) : error;
  }

  #end(): void {
    this.#over = true;
    this.#letOwnerWait();
    this.#letOwnerWait = () => {};
    this.#lock.give(this);
  }

  #begin(): void {
    if (this.#over) throw handlerEnded();
    if (this.begun) {
      // Whatever comes after it would be committed by itself.
      if (!this.#connection.inTransaction) throw transactionEnded();
      return;
    }
    if (this.refusedBy) throw this.refusedBy;
    // A handler that goes on after the refusal must not get half of its work into a transaction.
    if (this.conflicted || this.#lock.heldByOther(this)) throw this.#refused();
    this.#inbox.setBusyTimeout(this.#connection, Math.min(IN_PLACE_MS, this.#inbox.busyTimeoutMs));
    try {
      this.#connection.get("BEGIN IMMEDIATE");
    } catch (error) {
      if (error instanceof BusyError) throw this.#refused(error);
      this.refusedBy = error as KnockerError;
      throw error;
    } finally {
      this.#inbox.setBusyTimeout(this.#connection, 0);
    }
    this.begun = true;
    this.begunAtMs = this.#inbox.paces.nowMs();
    this.#lock.take(this);
    this.#letOwnerWait = this.#inbox.letOwnerNotWait();
  }

  #refused(cause?: unknown): KnockerError {
    this.conflicted = true;
    return knockerError("busy", "another transaction holds the write lock; the handlers of this event run again after it", cause);
  }
}

/** What a handler is told that uses `tx` when it is over. */
export function handlerEnded(): KnockerError {
  return knockerError(
    "closed",
    "tx or a statement of it was used after its handler had ended: await everything that uses it, and prepare statements in each call",
  );
}

/** What a handler threw that had used `tx`; where another connection of its own has met the lock that it holds itself, in words that say so. */
export function explained(error: unknown, file: string): unknown {
  if (!isLocked(error)) return error;
  return knockerError(
    "busy",
    `${textOf((error as Error).message)}: this handler has held the write lock of ${file || "the database"} since its first use of tx, and whatever writes there through another connection waits for it in vain. Write through tx, or before its first use`,
    error,
  );
}

/** How deep query builders wrap a driver's error. */
const DEEPEST_CAUSE = 5;

/** Whether a driver's error, or one that was made of it, says that the lock is held elsewhere. A Knocker error has words of its own. */
export function isLocked(error: unknown): boolean {
  try {
    for (let at = error, depth = 0; at instanceof Error && !(at instanceof KnockerError) && depth < DEEPEST_CAUSE; at = at.cause, depth++) {
      const { code, errcode, errno } = at as { code?: unknown; errcode?: unknown; errno?: unknown };
      if (/^SQLITE_BUSY/.test(String(code)) || (Number(errcode ?? errno) & 0xff) === SQLITE_BUSY) return true;
    }
  } catch {
    // What a handler throws may refuse to be looked at.
  }
  return false;
}
