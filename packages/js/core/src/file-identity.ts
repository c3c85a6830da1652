/** Which file stands at a path. SQLite goes on writing into one that was removed or replaced, and what it writes there nobody finds again. */

import { renameSync, rmSync, statSync } from "node:fs";

/** A file as the system knows it, whatever its name. */
export interface FileIdentity {
  readonly device: number;
  readonly inode: number;
  readonly size: number;
  readonly changedMs: number;
}

/** Numbers, not bigints: this happens with each commit, and the same file has the same number however it is rounded. */
const LOOK = { throwIfNoEntry: false, bigint: false } as const;

/** The file at a path, symbolic links followed; undefined where there is none, or none that can be reached. */
export function identityOf(path: string): FileIdentity | undefined {
  try {
    const stat = statSync(path, LOOK);
    return stat && { device: stat.dev, inode: stat.ino, size: stat.size, changedMs: stat.mtimeMs };
  } catch {
    return undefined;
  }
}

/** Whether both are one file, whatever was written to it in between. */
export function isSameFile(left: FileIdentity | undefined, right: FileIdentity | undefined): boolean {
  return left !== undefined && right !== undefined && left.inode === right.inode && left.device === right.device;
}

/** What SQLite keeps beside a file. */
const COMPANIONS = ["-wal", "-shm"];

/** A file that is open, and the log beside it, as they were when it was opened. */
export class OpenedFile {
  readonly #path: string;
  readonly #file: string;
  readonly #identity: FileIdentity | undefined;
  readonly #companions: ReadonlyMap<string, FileIdentity | undefined>;

  /**
   * @param path as the caller named it: where another file may be put.
   * @param file as SQLite named it, which is what the log is named after.
   */
  constructor(path: string, file: string) {
    this.#path = path;
    this.#file = file;
    this.#identity = identityOf(path);
    this.#companions = new Map(COMPANIONS.map((suffix) => [suffix, identityOf(file + suffix)]));
  }

  /** Whether it still stands at its path. */
  isInPlace(): boolean {
    return isSameFile(identityOf(this.#path), this.#identity);
  }

  /**
   * Takes its log out of the way of another file that stands at its path now: SQLite would replay it into that one.
   * @returns where the log is kept, if it holds anything.
   */
  removeCompanions(): string[] {
    const kept = [];
    for (const [suffix, opened] of this.#companions) {
      const name = this.#file + suffix;
      const current = identityOf(name);
      if (!current || !isSameFile(current, opened)) continue;
      if (suffix === "-wal" && current.size > 0) {
        const place = `${name}.of-replaced-file-${this.#identity?.inode}`;
        renameSync(name, place);
        kept.push(place);
      } else rmSync(name, { force: true });
    }
    return kept;
  }
}
