/**
 * When the log is due to be moved into the file. SQLite does so by itself, within somebody's commit, and says nothing where that fails; so its own checkpoints
 * are off on Knocker's connections, and these are run after a commit has been answered, and watched.
 */

import type { Connection } from "./driver.js";
import type { Disk } from "./disk.js";

/** Pages in the log at which a checkpoint is due: SQLite's own number. */
const DUE_PAGES = 1000;

/** What one call is taken to write, in pages, besides its own bytes. */
const PAGES_A_CALL = 8;

/** How far what is learned may go from that. */
const LEAST_FACTOR = 0.1;
const MOST_FACTOR = 10;

/** The checkpoints of one file, as far as this thread writes to it. */
export class Checkpoints {
  #units = 0;
  /** Pages in the log for each unit that was counted. */
  #factor = 1;
  /** Pages that the last checkpoint left in the log. */
  #left = 0;

  /** Notes a commit. */
  wrote(calls: number, bytes = 0): void {
    this.#units += PAGES_A_CALL * calls + bytes / 4096;
  }

  /** Whether the log is long enough by now. */
  get due(): boolean {
    return this.#units * this.#factor >= DUE_PAGES;
  }

  /** Forgets: another file, another log. */
  reset(): void {
    this.#units = this.#left = 0;
  }

  /**
   * Moves what can be moved without waiting for anybody.
   * @returns what it failed with, if it failed.
   */
  run(connection: Connection<unknown>, disk: Disk): unknown {
    const units = this.#units;
    this.#units = 0;
    try {
      const row = connection.get("PRAGMA wal_checkpoint(PASSIVE)");
      const log = Number(row?.["log"] ?? -1);
      if (log < 0) return undefined;
      const grown = log - this.#left;
      // One that was emptied by somebody else in between says nothing about this one's writes.
      if (grown > 0 && units > 0) {
        this.#factor = Math.min(MOST_FACTOR, Math.max(LEAST_FACTOR, (this.#factor + grown / units) / 2));
      }
      // The next writer begins the log anew once all of it is in the file.
      this.#left = row?.["checkpointed"] === log ? 0 : log;
      return undefined;
    } catch (error) {
      return disk.checkpointedWith(error) ? error : undefined;
    }
  }
}
