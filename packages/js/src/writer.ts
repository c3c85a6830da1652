/** Group commit: the writes of one turn of the event loop share a transaction, and each caller is answered after the commit. */

import type { Connection, SqlValue } from "./driver.js";
import { knockerError } from "./errors.js";
import { type WriteLock, whenWritable } from "./lock.js";

/** A commit holds the thread for as long as its writes and one fsync take. This bounds the writes. */
const LARGEST_GROUP = 128;

interface Write {
  sql: string;
  parameters: readonly SqlValue[];
  resolve: (result: SqlValue) => void;
  reject: (error: unknown) => void;
}

/** What became of one write of a group. */
type Settled = { result: SqlValue } | { error: unknown };

/** The one connection of a `Knocker` that writes what is not a handler's. */
export class Writer {
  readonly #connection: Connection<unknown>;
  readonly #lock: WriteLock;
  readonly #busyTimeoutMs: number;
  readonly #committed: () => void;
  #pending: Write[] = [];
  #running: Promise<void> | undefined;

  /**
   * @param busyTimeoutMs how long a write waits for another process, in milliseconds.
   * @param committed called after every commit.
   */
  constructor(connection: Connection<unknown>, lock: WriteLock, busyTimeoutMs: number, committed: () => void) {
    this.#connection = connection;
    this.#lock = lock;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#committed = committed;
  }

  /**
   * Runs one `SELECT function(…) AS result` in the next group; settles after its commit with its own result or its own error.
   * @param read turns the result into what the caller wants.
   */
  submit<T>(sql: string, parameters: readonly SqlValue[], read: (result: SqlValue) => T): Promise<T> {
    return new Promise((settle, reject) => {
      const resolve = (result: SqlValue) => {
        // It is committed; and the rest of its group must be answered whatever its reader makes of it.
        try {
          settle(read(result));
        } catch (error) {
          reject(error);
        }
      };
      this.#pending.push({ sql, parameters, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Settles when everything submitted so far is settled. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #run(): Promise<void> {
    // What else arrives in this turn joins the group.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#pending.length > 0) {
      const group = this.#pending.splice(0, LARGEST_GROUP);
      await this.#commit(group);
      // The answers go out, and new requests come in, before the next group.
      if (this.#pending.length > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#running = undefined;
  }

  async #commit(group: Write[]): Promise<void> {
    try {
      const settled = await whenWritable(this.#lock, this.#busyTimeoutMs, () => this.#transaction(group));
      group.forEach((write, index) => {
        const outcome = settled[index]!;
        if ("error" in outcome) write.reject(outcome.error);
        else write.resolve(outcome.result);
      });
      this.#committed();
    } catch (error) {
      for (const write of group) write.reject(error);
    }
  }

  #transaction(group: Write[]): Settled[] {
    const connection = this.#connection;
    if (connection.inTransaction) throw knockerError("busy", "the application has a transaction open on this connection");
    connection.get("BEGIN IMMEDIATE");
    try {
      const settled = group.map((write) => this.#one(write));
      connection.get("COMMIT");
      return settled;
    } catch (error) {
      if (connection.inTransaction) connection.get("ROLLBACK");
      throw error;
    }
  }

  /** Each function takes its own savepoint, so that an error leaves the rest of the group as it is. */
  #one(write: Write): Settled {
    try {
      return { result: this.#connection.get(write.sql, ...write.parameters)!["result"]! };
    } catch (error) {
      // A full disk ends the whole transaction: then what went before it in the group is gone too.
      if (!this.#connection.inTransaction) throw error;
      return { error };
    }
  }
}
