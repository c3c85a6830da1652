/** The place of the file: notices that what stands at its path is not what was opened, and when something new can be opened there. */

import { knockerError, type KnockerError } from "./errors.js";
import { type FileIdentity, identityOf, isSameFile, OpenedFile } from "./file-identity.js";

/** A file that has not changed for so long is taken to be whole, in milliseconds: one that is being copied there is not. */
const SETTLED_MS = 100;

/** Where one `Hooks` has its file. */
export class Place {
  /** As the caller named it, from wherever the process started. */
  readonly path: string;
  #opened: OpenedFile;
  #found: { identity: FileIdentity; at: number } | undefined;

  /** @param file as SQLite names it. */
  constructor(path: string, file: string) {
    this.path = path;
    this.#opened = new OpenedFile(path, file);
  }

  /** Whether the file that was opened still stands at its path. */
  isInPlace(): boolean {
    return this.#opened.isInPlace();
  }

  /** What to tell whoever wants to use a file that is gone. */
  gone(): KnockerError {
    const found = identityOf(this.path);
    const what = found === undefined ? "was removed" : "was replaced";
    const then = found === undefined ? "until there is a file again, or the program is started again" : "until the new one is open";
    return knockerError("file_replaced", `the file ${this.path} ${what} while it was open: nothing is stored ${then}`);
  }

  /**
   * Whether another file stands there that can be opened: one that is not empty and not being written. Nothing is created: somebody may be about to put a
   * backup there.
   */
  hasSettled(): boolean {
    const identity = identityOf(this.path);
    const now = performance.now();
    if (!identity || identity.size === 0) {
      this.#found = undefined;
      return false;
    }
    const known = this.#found;
    const same = known && isSameFile(known.identity, identity) && known.identity.size === identity.size;
    if (!same || known.identity.changedMs !== identity.changedMs) {
      this.#found = { identity, at: now };
      return false;
    }
    return now - known.at >= SETTLED_MS;
  }

  /** Takes what the former file left beside itself out of the way; returns what of it holds something. */
  clear(): string[] {
    return this.#opened.removeCompanions();
  }

  /** Notes that the file which stands there is open, under this name. */
  opened(file: string): void {
    this.#opened = new OpenedFile(this.path, file);
    this.#found = undefined;
  }
}
