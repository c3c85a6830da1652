/**
 * Who in this thread holds a file's write lock across a turn of the event loop.
 *
 * SQLite's own lock cannot serve here: waiting for it blocks the thread, and the handler that holds it needs the thread to come to its end.
 */

import { BusyError } from "./errors.js";

/** A transaction that holds it. */
interface Holder {
  rollback(): void;
}

/** The write lock of one file, as far as this thread is concerned. Only a handler's open transaction ever holds it. */
export class WriteLock {
  #holder: Holder | undefined;
  readonly #waiting = new Set<() => void>();

  /** Whether someone other than `who` holds it. */
  heldByOther(who?: Holder): boolean {
    return this.#holder !== undefined && this.#holder !== who;
  }

  /** Notes that `holder` has begun its write transaction. */
  take(holder: Holder): void {
    this.#holder = holder;
  }

  /** Notes that the transaction of `holder` is over. */
  give(holder: Holder): void {
    if (this.#holder !== holder) return;
    this.#holder = undefined;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Ends the transaction that holds it, whose handler belongs to a program that is no more. */
  breakOff(): void {
    this.#holder?.rollback();
  }

  /** Settles as soon as nobody in this thread holds it, or after `limitMs`. */
  async free(limitMs: number): Promise<void> {
    if (this.#holder === undefined) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, limitMs);
      this.#waiting.add(wake);
    });
  }
}

const locks = new Map<string, WriteLock>();

/** The lock of a file, shared by everything in this thread that has the file open. A database in memory has one of its own. */
export function lockOf(file: string): WriteLock {
  if (!file) return new WriteLock();
  let lock = locks.get(file);
  if (!lock) {
    lock = new WriteLock();
    locks.set(file, lock);
  }
  return lock;
}

/** Pauses between two tries while another process holds the write lock, in milliseconds. */
const PAUSES_MS = [1, 1, 2, 3, 5, 8, 13, 20];

/**
 * Runs a synchronous write, and again while the lock is held elsewhere, without blocking the event loop in between.
 * @param limitMs how long to go on before the `BusyError` is thrown.
 */
export async function whenFree<T>(lock: WriteLock, limitMs: number, write: () => T): Promise<T> {
  const start = performance.now();
  for (let tries = 0; ; tries++) {
    const left = limitMs - (performance.now() - start);
    if (lock.heldByOther()) await lock.free(Math.max(0, left));
    try {
      return write();
    } catch (error) {
      if (!(error instanceof BusyError) || performance.now() - start >= limitMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]));
  }
}
