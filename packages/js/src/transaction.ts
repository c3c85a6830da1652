/** A handler's transaction: the driver's own object, begun at its first use. */

import type { Connection } from "./driver.js";
import { knockerError } from "./errors.js";
import type { WriteLock } from "./lock.js";

/** The transaction of one run of an event's handlers, on a connection that nobody else uses meanwhile. */
export class LazyTransaction<Db extends object> {
  /** What the handler gets. */
  readonly tx: Db;
  /** Whether `BEGIN IMMEDIATE` has happened. */
  begun = false;
  /** Whether another handler of this thread held the lock when this one wanted it: run the handlers again when it is free. */
  conflicted = false;
  #over = false;
  readonly #connection: Connection<Db>;
  readonly #lock: WriteLock;
  readonly #busyTimeout: number;

  /** @param busyTimeout how long the first use waits for another process, in milliseconds. This wait blocks the thread. */
  constructor(connection: Connection<Db>, lock: WriteLock, busyTimeout: number) {
    this.#connection = connection;
    this.#lock = lock;
    this.#busyTimeout = busyTimeout;
    this.tx = this.#proxy(connection.database);
  }

  /** Commits what was begun. Nothing to do where `tx` was never used. */
  commit(): void {
    if (!this.begun) return;
    this.#connection.get("COMMIT");
    this.#end();
  }

  /** Takes everything back. */
  rollback(): void {
    if (this.begun && this.#connection.inTransaction) this.#connection.get("ROLLBACK");
    this.#end();
  }

  /** Whether the handler ended the transaction by its own COMMIT or ROLLBACK. */
  get endedByHandler(): boolean {
    return this.begun && !this.#over && !this.#connection.inTransaction;
  }

  #end(): void {
    this.#over = true;
    this.#lock.give(this);
  }

  #begin(): void {
    if (this.#over) throw knockerError("closed", "tx was used after its handler had ended: await everything that uses it");
    if (this.begun) return;
    if (this.#lock.heldByOther(this)) {
      this.conflicted = true;
      throw knockerError("busy", "another handler of this process is in the middle of its transaction; this one runs again after it");
    }
    this.#connection.exec(`PRAGMA busy_timeout = ${this.#busyTimeout}`);
    try {
      this.#connection.get("BEGIN IMMEDIATE");
    } finally {
      this.#connection.exec("PRAGMA busy_timeout = 0");
    }
    this.begun = true;
    this.#lock.take(this);
  }

  /** Passes everything on to the database, beginning the transaction at the first method call. */
  #proxy(database: Db): Db {
    const methods = new Map<PropertyKey, (...parameters: unknown[]) => unknown>();
    return new Proxy(database, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function" || name === "constructor") return value;
        let method = methods.get(name);
        if (!method) {
          if (name === "close") {
            method = () => {
              throw knockerError("invalid_argument", "a handler must not close tx: the worker needs its connection");
            };
          } else {
            method = (...parameters) => {
              this.#begin();
              return Reflect.apply(value, target, parameters);
            };
          }
          methods.set(name, method);
        }
        return method;
      },
    });
  }
}
