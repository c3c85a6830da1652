/**
 * When the log is due to be moved into the file. SQLite does so by itself, within somebody's commit, and says nothing where that fails; so its own checkpoints
 * are off on Knocker's connections, and these are run after a commit has been answered, and watched.
 */

import { statSync } from "node:fs";

import type { Connection } from "./driver.js";
import type { Disk } from "./disk.js";

/** Pages in the log at which a checkpoint is due: SQLite's own number. */
const DUE_PAGES = 1000;

/** What one call is taken to write, in pages, besides its own bytes. */
const PAGES_A_CALL = 8;

/** How far what is learned may go from that. */
const LEAST_FACTOR = 0.1;
const MOST_FACTOR = 10;

/** The same in bytes, and by how much a log has to have grown since the last checkpoint to be looked at again on account of its size. */
const DUE_BYTES = DUE_PAGES * 4096;
const GROWTH_BYTES = DUE_BYTES / 4;

/** Commits between two looks at the size. */
const LOOK_EVERY = 8;

function sizeOfLog(file: string): number {
  try {
    return statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    return 0;
  }
}

/** The checkpoints of one file, as far as this thread writes to it. */
export class Checkpoints {
  #units = 0;
  /** Pages in the log for each unit that was counted. */
  #factor = 1;
  #asked = 0;
  /** Of the log's file at the last checkpoint: it is written again from its beginning, and never becomes shorter. */
  #size = 0;
  /** Pages that the last checkpoint left in the log. */
  #left = 0;

  /** Notes a commit. */
  wrote(calls: number, bytes = 0): void {
    this.#units += PAGES_A_CALL * calls + bytes / 4096;
  }

  /** Whether the log of this file is long enough by now: by what was counted, or because it has become longer than it ever was. */
  isDue(file: string): boolean {
    if (this.#units * this.#factor >= DUE_PAGES) return true;
    if (++this.#asked % LOOK_EVERY !== 0) return false;
    const size = sizeOfLog(file);
    return size >= DUE_BYTES && size - this.#size >= GROWTH_BYTES;
  }

  /** Forgets: another file, another log. */
  reset(): void {
    this.#units = this.#left = this.#size = 0;
  }

  /**
   * Moves the log into the file. As a `FULL` one, with the write lock: what a checkpoint copies that ends before the log does is taken to be copied, and is never
   * synced where the next one fails.
   * @returns what it failed with, if it failed.
   */
  run(connection: Connection<unknown>, file: string, disk: Disk): unknown {
    const units = this.#units;
    this.#size = sizeOfLog(file);
    this.#units = 0;
    try {
      const row = connection.get("PRAGMA wal_checkpoint(FULL)");
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
