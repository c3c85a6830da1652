/** What an attempt that shares its transaction with others may do with the connection. */

import type { Connection } from "./driver.js";
import { guard, transactionEnded } from "./guard.js";
import { statementsOf } from "./handler-statements.js";
import type { WriteLock } from "./lock.js";
import { handlerEnded } from "./transaction.js";

/** The transaction that it takes part in. */
interface Shared {
  readonly lock: WriteLock;
  begin(member: { conflicted: boolean }): void;
  commitEarly(): void;
}

/** The part of one attempt in a shared transaction. */
export class MemberTransaction<Db extends object> {
  /** What the handler gets. */
  readonly tx: Db;
  /** Whether it has used `tx`. */
  begun = false;
  /** When, by the stopwatch. */
  begunAtMs = 0;
  /** Whether the transaction could not be begun for it: run the handlers again, alone. */
  conflicted = false;
  #over = false;
  readonly #shared: Shared;
  readonly #connection: Connection<Db>;
  readonly #endLeftovers: () => void;
  readonly #isAltered: () => boolean;
  readonly #mayBeAttached: () => boolean;

  /** @param nowMs the stopwatch. */
  constructor(shared: Shared, connection: Connection<Db>, nowMs: () => number) {
    this.#shared = shared;
    this.#connection = connection;
    const { database, endLeftovers, isAltered, mayBeAttached } = guard(
      connection.database,
      () => this.#use(nowMs),
      statementsOf(connection),
    );
    this.tx = database;
    this.#endLeftovers = endLeftovers;
    this.#isAltered = isAltered;
    this.#mayBeAttached = mayBeAttached;
  }

  /** Ends what the handlers left running: nothing of them uses the connection from here on. */
  end(): void {
    this.#over = true;
    this.#endLeftovers();
  }

  /** Whether the transaction has ended behind the worker's back. */
  get wasEnded(): boolean {
    return this.begun && !this.#connection.inTransaction;
  }

  /** Whether something of the handlers is left on the connection. */
  get altersConnection(): boolean {
    return this.#isAltered() || (this.begun && this.#mayBeAttached() && this.#connection.all("PRAGMA database_list").length !== 1);
  }

  /** Whether it holds this lock now. */
  holds(lock: WriteLock): boolean {
    return this.begun && !this.#over && lock === this.#shared.lock;
  }

  /** To be called before the handler waits for the lock elsewhere: what is not its own is not to hold it. */
  letGo(): void {
    if (!this.begun && !this.#over) this.#shared.commitEarly();
  }

  #use(nowMs: () => number): void {
    if (this.#over) throw handlerEnded();
    if (this.begun) {
      // Whatever comes after it would be committed by itself.
      if (!this.#connection.inTransaction) throw transactionEnded();
      return;
    }
    this.#shared.begin(this);
    this.begun = true;
    this.begunAtMs = nowMs();
  }
}
