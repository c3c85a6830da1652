/** Where the files of tenants are: a path with one `*`, which stands for the tenant's name. */

import { closeSync, lstatSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";

import { show } from "./check.js";
import { IoError, knockerError, type KnockerError } from "./errors.js";

/** What SQLite keeps beside a database. */
const BESIDE = ["-wal", "-shm", "-journal"];

/** What no name has: what parts paths on any system, control characters, and halves of characters. */
const NO_NAME = /[/\\:]|\p{Cc}|\p{Cs}/u;

/** A pattern, and what names and paths it has. */
export class TenantPattern {
  /** The absolute path, with its `*`. */
  readonly text: string;
  readonly #before: string;
  readonly #after: string;

  /** @throws UsageError where the pattern cannot be meant. */
  constructor(pattern: unknown) {
    const refused = (why: string) => {
      const meant = "a path with one * in its last part or the one before, such as tenants/*.db or tenants/*/app.db";
      return knockerError("usage", `openMany(pattern): the pattern is ${show(pattern)} and ${why}: it must be ${meant}`);
    };
    if (typeof pattern !== "string" || pattern.split("*").length !== 2) throw refused("has not one *");
    if (pattern.includes("\0")) throw refused("has a NUL");
    if (/[/\\](?:\.\.?)?$/.test(pattern.slice(pattern.indexOf("*")))) throw refused("names no file");
    this.text = resolve(pattern);
    const [before, after] = this.text.split("*") as [string, string];
    const parts = after.split(sep);
    if (parts.length > 2) throw refused("has its * too far up");
    if (BESIDE.some((ending) => parts.at(-1)!.endsWith(ending))) throw refused("names what SQLite keeps beside a database");
    this.#before = before;
    this.#after = after;
  }

  /** The path of a tenant's file, whether or not there is one. */
  path(tenant: string): string {
    return this.#before + tenant + this.#after;
  }

  /** Whether the log of the tenant's file is there. */
  hasLog(tenant: string): boolean {
    return isFile(`${this.path(tenant)}-wal`);
  }

  /** Whose file that is; undefined where it is none's. */
  tenantOf(path: string): string | undefined {
    if (!path.startsWith(this.#before) || !path.endsWith(this.#after)) return undefined;
    const name = path.slice(this.#before.length, path.length - this.#after.length);
    return this.#isName(name) ? name : undefined;
  }

  /** What `knocker_changed_files` takes for a name. */
  #isName(name: string): boolean {
    if (name === "" || name.startsWith(".") || NO_NAME.test(name)) return false;
    return !BESIDE.some((ending) => this.path(name).endsWith(ending));
  }

  /** The names of those that have a file, in order. */
  names(): string[] {
    const folder = this.#before.slice(0, this.#before.lastIndexOf(sep) + 1);
    const [ending, ...file] = this.#after.split(sep);
    let entries: string[];
    try {
      entries = readdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw new IoError(`the folder of the tenants cannot be read: ${(error as Error).message}`, { cause: error });
    }
    const paths = entries.filter((entry) => entry.endsWith(ending!)).map((entry) => join(folder, entry, ...file));
    return paths.flatMap((path) => (isFile(path) ? (this.tenantOf(path) ?? []) : [])).sort();
  }

  /** Whether the tenant has a file. Nothing is asked of the system for what is no name. */
  has(tenant: unknown): tenant is string {
    return typeof tenant === "string" && this.#isName(tenant) && isFile(this.path(tenant));
  }

  /** @throws UnknownTenantError where the tenant has no file. */
  require(tenant: unknown): asserts tenant is string {
    if (!this.has(tenant)) throw unknownTenant(tenant);
  }

  /**
   * Makes the file of a new tenant, and the folder of its own where there is one for each.
   * @throws UnknownTenantError where that is no name, UsageError where it has one.
   */
  create(tenant: string): void {
    if (typeof tenant !== "string" || !this.#isName(tenant)) throw unknownTenant(tenant);
    const path = this.path(tenant);
    try {
      if (this.#after.includes(sep)) mkdirSync(dirname(path), { recursive: true });
      closeSync(openSync(path, "wx"));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") throw knockerError("usage", `create: there is a tenant ${show(tenant)}: ${path}`);
      throw new IoError(message, { cause: error });
    }
  }
}

function unknownTenant(tenant: unknown): KnockerError {
  return knockerError("unknown_tenant", `there is no tenant ${show(tenant).slice(0, 100)}`);
}

/** Whether there is a file, and no link to one: SQLite keeps the log beside what a link leads to. */
export function isFile(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    // Too long for a name, or in a folder that may not be looked into.
    return false;
  }
}
