/** A connection to the file that is opened again when it has become useless. */

import type { Connection } from "./driver.js";
import { knockerError, ReadOnlyError } from "./errors.js";

/** Between two new connections on account of `read_only`, in milliseconds: opening one costs more than a refusal. */
const REOPEN_EVERY_MS = 1000;

/** What a link needs of the inbox that it belongs to. */
export interface LinkSource<Db> {
  /** Counts the files: differs after the one at the path was replaced. */
  readonly generation: number;
  readonly inMemory: boolean;
  reconnect(): Connection<Db>;
  readonly telling: { error(error: unknown): void };
}

/** One connection, replaced together with the file, and where it turns out to be of no use. A database in memory has no second. */
export class Link<Db> {
  readonly #source: LinkSource<Db>;
  #current: Connection<Db> | undefined;
  #generation: number;
  #replacedAt = -Infinity;

  /** @param first a connection that is open already; without one it is opened at once. */
  constructor(source: LinkSource<Db>, first?: Connection<Db>) {
    this.#source = source;
    this.#current = first ?? source.reconnect();
    this.#generation = source.generation;
  }

  /** The connection, on the file that is at the path now. */
  get connection(): Connection<Db> {
    if (this.#generation !== this.#source.generation) this.drop();
    if (!this.#current) {
      this.#current = this.#source.reconnect();
      this.#generation = this.#source.generation;
    }
    return this.#current;
  }

  /** The connection as it is, also on a file that was replaced since; undefined between two. */
  get current(): Connection<Db> | undefined {
    return this.#current;
  }

  /** @throws FileReplacedError where the file was replaced since this connection was opened. */
  requireCurrent(): void {
    if (this.#generation === this.#source.generation) return;
    throw knockerError("file_replaced", "the file was replaced while this connection worked on it: nothing was stored in the new one");
  }

  /** Goes on on this one. */
  replace(connection: Connection<Db>): void {
    this.drop();
    this.#current = connection;
    this.#generation = this.#source.generation;
  }

  /**
   * Runs `work`, and once more on a new connection where this one cannot write: it may have come up so because of a moment's failure, or of permissions that have
   * been put right since.
   */
  use<T>(work: (connection: Connection<Db>) => T): T {
    try {
      return work(this.connection);
    } catch (error) {
      if (!this.mayReplace(error)) throw error;
      this.drop();
      return work(this.connection);
    }
  }

  /** Whether a new connection is worth a try after this error. */
  mayReplace(error: unknown): boolean {
    if (!(error instanceof ReadOnlyError) || this.#source.inMemory) return false;
    const now = performance.now();
    if (now - this.#replacedAt < REOPEN_EVERY_MS) return false;
    this.#replacedAt = now;
    return true;
  }

  /** The next use opens another one. */
  drop(): void {
    const former = this.#current;
    if (this.#source.inMemory) return;
    this.#current = undefined;
    try {
      former?.close();
    } catch (error) {
      this.#source.telling.error(error);
    }
  }

  /** Closes it for good. */
  close(): void {
    if (!this.#source.inMemory) this.#current?.close();
    this.#current = undefined;
  }
}
