/**
 * Whether what a disk says can be believed.
 *
 * A sync that failed has lost what it was to write, and the next one succeeds all the same: the system counts those pages as clean. So after an `io_error` of a
 * write nothing more is acknowledged until a checkpoint has taken everything out of the log and has emptied it. The same while checkpoints themselves fail: going
 * on would damage the file.
 */

import type { Connection } from "./driver.js";
import { BusyError, IoError, KnockerError, knockerError } from "./errors.js";

/** Each open descriptor tells an old failure once more. */
const TRIES = 4;

/** Between two rounds of tries, in milliseconds. */
const PAUSE_MS = 250;

/** What one thread knows of the disk under one file. */
export class Disk {
  #doubt: KnockerError | undefined;
  #triedAt = -Infinity;

  /** Why nothing may be written now, if so. */
  get doubt(): KnockerError | undefined {
    return this.#doubt;
  }

  /** Notes what a write ended in. Only a failing disk is a reason to doubt. */
  wroteWith(error: unknown): void {
    if (error instanceof IoError) this.#begin(error);
  }

  /** Notes what a checkpoint ended in: who is in its way is no failure. Says whether it was one. */
  checkpointedWith(error: unknown): boolean {
    if (!(error instanceof KnockerError) || error instanceof BusyError) return false;
    this.#begin(error);
    return true;
  }

  /** Forgets: another file, another log. */
  reset(): void {
    this.#doubt = undefined;
    this.#triedAt = -Infinity;
  }

  /** What whoever wants to write is told. */
  refusal(): KnockerError {
    const cause = this.#doubt!;
    const message = `the disk has failed, and nothing is written until a checkpoint has emptied the log: ${cause.message}`;
    return knockerError(cause.code, message, cause);
  }

  /**
   * Goes on once a checkpoint has emptied the log. Nothing may be open on the connection, and it should wait for others a little.
   * @throws KnockerError with the code of the failure, while that is not so.
   */
  requireTrust(connection: Connection<unknown>): void {
    if (!this.#doubt) return;
    if (performance.now() - this.#triedAt < PAUSE_MS) throw this.refusal();
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        if (connection.get("PRAGMA wal_checkpoint(TRUNCATE)")?.["busy"] === 0) return this.reset();
      } catch (error) {
        if (!this.checkpointedWith(error)) break;
      }
    }
    this.#triedAt = performance.now();
    throw this.refusal();
  }

  #begin(error: KnockerError): void {
    if (!this.#doubt) this.#triedAt = -Infinity;
    this.#doubt = error;
  }
}

const disks = new Map<string, Disk>();

/** The disk under a file, shared by everything in this thread that has the file open. */
export function diskOf(file: string): Disk {
  if (!file) return new Disk();
  let disk = disks.get(file);
  if (!disk) {
    disk = new Disk();
    disks.set(file, disk);
  }
  return disk;
}
