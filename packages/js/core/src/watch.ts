/** How a worker learns that another process has committed. */

import { type FSWatcher, watch } from "node:fs";

/** Between two looks at the file while the system tells of its changes, as a multiple of the time without. */
const RARELY = 25;

/** Changes that the system may fail to tell in a row before it is no longer relied on. */
const MISSES_FORGIVEN = 3;

/** The log is written to before the commit is on the disk and can be seen: looks that follow a change of it, a millisecond apart. */
const LOOKS_AFTER_CHANGE = 50;

/**
 * Watches the write-ahead log, which every commit writes to. That wakes at once and costs nothing while nothing happens, but not every file system tells of
 * what other machines or containers write. So the file is looked at all the same: rarely as long as the watch keeps its word, often when it does not.
 */
export class CommitWatch {
  #watcher: FSWatcher | undefined;
  #misses = 0;
  readonly #pollMs: number;
  readonly #look: () => boolean;
  #looks: NodeJS.Timeout | undefined;
  #looksLeft = 0;

  /**
   * @param file the database's file; `""` for one in memory, which no other process has.
   * @param look looks for a commit, and says whether there is nothing more to wait for.
   */
  constructor(file: string, pollMs: number, look: () => boolean) {
    this.#pollMs = pollMs;
    this.#look = look;
    if (!file) return;
    try {
      this.#watcher = watch(`${file}-wal`, () => this.#written());
      this.#watcher.on("error", () => this.close());
    } catch {
      // No watches left on this machine, or none on this file system.
      this.close();
    }
  }

  /** Milliseconds until the file should be looked at again. */
  get pollMs(): number {
    return this.#watcher ? this.#pollMs * RARELY : this.#pollMs;
  }

  /** A change was told. */
  told(): void {
    this.#misses = 0;
  }

  /** A change was found by looking. */
  missed(): void {
    this.#misses += 1;
    if (this.#misses >= MISSES_FORGIVEN) this.close();
  }

  #written(): void {
    this.#looksLeft = LOOKS_AFTER_CHANGE;
    this.#looks ??= setInterval(() => {
      if (!this.#look() && --this.#looksLeft > 0) return;
      clearInterval(this.#looks);
      this.#looks = undefined;
    }, 1);
  }

  /** Relies on looking alone from now on. */
  close(): void {
    clearInterval(this.#looks);
    this.#looks = undefined;
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
