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
  /** What ends the doubt: after a write that failed the log must be empty, after a checkpoint that failed another one will do. */
  #cure: "TRUNCATE" | "PASSIVE" = "PASSIVE";
  #triedAt = -Infinity;

  /** Why nothing may be written now, if so. */
  get doubt(): KnockerError | undefined {
    return this.#doubt;
  }

  /** Notes what a write ended in. Only a failing disk is a reason to doubt. */
  wroteWith(error: unknown): void {
    if (error instanceof IoError) this.#begin(error, "TRUNCATE");
  }

  /** Notes what a checkpoint ended in: who is in its way is no failure. Says whether it was one. */
  checkpointedWith(error: unknown): boolean {
    if (!(error instanceof KnockerError) || error instanceof BusyError) return false;
    this.#begin(error, "PASSIVE");
    return true;
  }

  /** Forgets: another file, another log. */
  reset(): void {
    this.#doubt = undefined;
    this.#cure = "PASSIVE";
    this.#triedAt = -Infinity;
  }

  /**
   * Goes on once a checkpoint has emptied the log. Nothing else may be open on the connection.
   * @throws KnockerError with the code of the failure, while that is not so.
   */
  requireTrust(connection: Connection<unknown>): void {
    const doubt = this.#doubt;
    if (!doubt) return;
    const now = performance.now();
    if (now - this.#triedAt < PAUSE_MS) throw refusal(doubt);
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        if (connection.get(`PRAGMA wal_checkpoint(${this.#cure})`)?.["busy"] === 0) return this.reset();
      } catch (error) {
        if (!this.checkpointedWith(error)) break;
      }
    }
    this.#triedAt = performance.now();
    throw refusal(this.#doubt ?? doubt);
  }

  #begin(error: KnockerError, cure: "TRUNCATE" | "PASSIVE"): void {
    if (!this.#doubt) this.#triedAt = -Infinity;
    this.#doubt = error;
    if (cure === "TRUNCATE") this.#cure = cure;
  }
}

function refusal(doubt: KnockerError): KnockerError {
  return knockerError(
    doubt.code,
    `the disk has failed, and nothing is written until a checkpoint has emptied the log: ${doubt.message}`,
    doubt,
  );
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
