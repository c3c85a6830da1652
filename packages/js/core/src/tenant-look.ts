/** Looks into the files of tenants: what has changed, and when something is due. */

import { diskOf } from "./disk.js";
import type { Connection, Driver } from "./driver.js";
import { NotBootstrappedError } from "./errors.js";
import { loadOn } from "./library.js";
import type { OpenOptions } from "./options.js";

/** Asks the library which files of a pattern were written, or have appeared, since it was last asked. */
export class ChangedFiles {
  readonly #connection: Connection<object>;
  readonly #pattern: string;

  constructor(driver: Driver<object>, pattern: string, extension: string | undefined) {
    this.#connection = opened(driver, ":memory:", extension);
    this.#pattern = pattern;
  }

  /** Their paths; at first all of them. */
  next(): string[] {
    return JSON.parse(this.#connection.get("SELECT knocker_changed_files(?) AS paths", this.#pattern)!["paths"] as string) as string[];
  }

  close(): void {
    this.#connection.close();
  }
}

/** A connection to a tenant's file that reads: looking at a file does not change it, but for what its retention policy says. */
export class TenantLook {
  readonly #connection: Connection<object>;

  constructor(driver: Driver<object>, path: string, { extension, synchronous = "full" }: OpenOptions) {
    this.#connection = opened(driver, path, extension);
    // Drivers have defaults of their own: what one connection does not sync is lost with what another one does.
    this.#connection.exec(`PRAGMA synchronous = ${synchronous}`);
  }

  /** Runs a piece of the retention pass that is due, if any, and says whether there is more. */
  retain(now: number | null): boolean {
    const disk = diskOf(this.#connection.file);
    if (disk.doubt || !this.hasKnocker()) return false;
    try {
      const pass = this.#connection.get("SELECT knocker_retain(?) AS pass", now)!["pass"] as string;
      return (JSON.parse(pass) as { more: boolean }).more;
    } catch (error) {
      disk.wroteWith(error);
      throw error;
    }
  }

  /**
   * Milliseconds until something is due in the file; null where nothing waits.
   * @param endpoints those with handlers; undefined for all.
   */
  due(endpoints: readonly string[] | undefined, now: number | null): number | null {
    if (endpoints?.length === 0) return null;
    try {
      return dueOn(this.#connection, endpoints, now);
    } catch (error) {
      if (!(error instanceof NotBootstrappedError)) throw error;
      // One of a former version is brought up to date when it is opened. One that has nothing of Knocker's has no event.
      return this.hasKnocker() ? 0 : null;
    }
  }

  /** Whether the file has anything of Knocker's. */
  hasKnocker(): boolean {
    return this.#connection.get("SELECT count(*) AS found FROM sqlite_master WHERE name = '_knocker_schema'")!["found"] !== 0;
  }

  close(): void {
    this.#connection.close();
  }
}

/** Milliseconds until any worker has something to do with these endpoints, or with all. */
export function dueOn(connection: Connection<object>, endpoints: readonly string[] | undefined, now: number | null): number | null {
  const filter = JSON.stringify(endpoints ? { endpoints } : {});
  return connection.get("SELECT knocker_next_due(?, ?) AS due", filter, now)!["due"] as number | null;
}

function opened(driver: Driver<object>, path: string, extension: string | undefined): Connection<object> {
  const connection = driver.open(path);
  try {
    // Waiting would block the thread.
    connection.exec("PRAGMA busy_timeout = 0");
    loadOn(connection, extension);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}
