/** The driver better-sqlite3. */

import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import type { Connection, Driver, Row, SqlValue } from "@knocker/core/driver.js";
import { fromDriver, knockerError, type KnockerError } from "@knocker/core/errors.js";
import { Statements } from "@knocker/core/statements.js";
import type { Database, Statement } from "./database.js";

/** A `Database` of better-sqlite3, as far as it is used here. */
export interface BetterDatabase extends Database {
  readonly name: string;
  readonly memory: boolean;
  readonly inTransaction: boolean;
  readonly open: boolean;
  loadExtension(path: string, entry?: string): unknown;
}

type BetterStatement = Statement & { readonly reader: boolean; safeIntegers(on: boolean): BetterStatement };

/** The class that `better-sqlite3` exports. */
export type BetterDatabaseClass = new (path: string) => BetterDatabase;

/** Result codes by the names that better-sqlite3 gives its errors; extended ones begin with them. */
const RESULT_CODES: Record<string, number> = {
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_READONLY: 8,
  SQLITE_INTERRUPT: 9,
  SQLITE_IOERR: 10,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_NOTADB: 26,
};

function translate(error: unknown): KnockerError {
  if ((error as { code?: unknown }).code === "ERR_DLOPEN_FAILED") return unusable(error);
  // The driver looks for the folder itself, and throws an error of JavaScript.
  if (error instanceof TypeError && /directory does not exist/i.test(error.message)) return knockerError("io_error", error.message, error);
  const code = /^SQLITE_[A-Z]+/.exec(String((error as { code?: unknown }).code))?.[0] ?? "";
  return fromDriver(error, RESULT_CODES[code]);
}

/** A connection of better-sqlite3. */
class BetterConnection implements Connection<BetterDatabase> {
  readonly database: BetterDatabase;
  readonly file: string;
  readonly forgetsBindings = true;
  readonly #statements: Statements<BetterStatement>;

  constructor(database: BetterDatabase) {
    this.database = database;
    // An application may have asked for bigints on its own connection, and Knocker works on that one where it is in memory.
    this.#statements = new Statements((sql) => (database.prepare(sql) as BetterStatement).safeIntegers(false));
    this.file = database.memory ? "" : realpathSync(database.name);
  }

  get inTransaction(): boolean {
    return this.database.inTransaction;
  }

  get keptStatements(): number {
    return this.#statements.size;
  }

  loadExtension(path: string, entry: string): void {
    attempt(() => this.database.loadExtension(path, entry));
  }

  exec(sql: string): void {
    attempt(() => this.database.exec(sql));
  }

  get(sql: string, ...parameters: SqlValue[]): Row | undefined {
    // Not by `attempt`: it is called several times for each receipt, and a function made for each call costs as much as the rest of it.
    try {
      const statement = this.#statements.of(sql);
      if (statement.reader) return statement.get(...parameters) as Row | undefined;
      statement.run(...parameters);
      return undefined;
    } catch (error) {
      throw translate(error);
    }
  }

  all(sql: string, ...parameters: SqlValue[]): Row[] {
    return attempt(() => this.#statements.of(sql).all(...parameters) as Row[]);
  }

  close(): void {
    this.#statements.clear();
    attempt(() => this.database.close());
  }
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translate(error);
  }
}

/** The driver of this class: better-sqlite3 may be installed in more than one version. */
export function betterSqlite3(Class: BetterDatabaseClass): Driver<Database> {
  return {
    name: "better-sqlite3",
    library: Class,
    open: (path) => new BetterConnection(attempt(() => new Class(path))),
    wrap: (database) => {
      if (!(database as BetterDatabase).open) throw knockerError("usage", "this Database of better-sqlite3 is closed");
      return new BetterConnection(database as BetterDatabase);
    },
  } satisfies Driver<Database> as Driver<Database>;
}

/** The modules of better-sqlite3 that this process has loaded, or has linked and is about to run. */
function loadedModules(): string[] {
  return Object.keys(createRequire(import.meta.url).cache).filter((path) => /[\\/]better-sqlite3[^\\/]*[\\/]lib[\\/]index\.js$/.test(path));
}

/** Whether this process has loaded a better-sqlite3, other than this one. */
export function otherBetterSqlite3(Class?: unknown): boolean {
  const require = createRequire(import.meta.url);
  return loadedModules().some((path) => require.cache[path]!.exports !== Class);
}

/**
 * The better-sqlite3 of the application: the one that it has loaded, else the one that is installed for it, found from its main module, from the
 * working folder and from this package.
 * @throws CannotLoadError where one is there and of no use on this Node.
 */
export function applicationsBetterSqlite3(): BetterDatabaseClass | undefined {
  const path = loadedModules()[0] ?? installedModule();
  return path === undefined ? undefined : classOf(path);
}

/**
 * The better-sqlite3 that this process has imported, be it only linked yet.
 * @throws CannotLoadError where it is of no use on this Node.
 */
export function loadedBetterSqlite3(): BetterDatabaseClass | undefined {
  const path = loadedModules()[0];
  return path === undefined ? undefined : classOf(path);
}

function classOf(path: string): BetterDatabaseClass {
  requireUsable(path);
  try {
    // Runs it where it has only been linked: a module graph of ES modules links all before it runs any.
    const Class = createRequire(import.meta.url)(path) as BetterDatabaseClass;
    // Its native part is loaded with the first database.
    new Class(":memory:").close();
    return Class;
  } catch (error) {
    throw unusable(error);
  }
}

function installedModule(): string | undefined {
  for (const from of [process.argv[1], `${process.cwd()}/`, import.meta.url]) {
    if (!from) continue;
    try {
      return createRequire(from).resolve("better-sqlite3");
    } catch {
      continue;
    }
  }
  return undefined;
}

/** From this major version on better-sqlite3 is made for Node 22, and ends the process of an older one with the first database. */
const NEEDS_NODE_22 = 13;

/** @param module path of the module, or the class that it exports. */
export function requireUsable(module: string | BetterDatabaseClass): void {
  if (Number(process.versions.node.split(".")[0]) >= 22) return;
  const require = createRequire(import.meta.url);
  const path = typeof module === "string" ? module : loadedModules().find((loaded) => require.cache[loaded]!.exports === module);
  if (path === undefined) return;
  // Read and not required: bundlers follow what is required, and end where they cannot.
  const { version } = JSON.parse(readFileSync(join(dirname(path), "../package.json"), "utf8")) as { version: string };
  if (Number(version.split(".")[0]) < NEEDS_NODE_22) return;
  throw knockerError(
    "cannot_load",
    `better-sqlite3 ${version} needs Node 22 or newer, and this is Node ${process.versions.node}: install better-sqlite3@12`,
  );
}

/** It is installed, and its native part is missing or made for another Node. */
function unusable(error: unknown): KnockerError {
  return knockerError("cannot_load", `better-sqlite3 is installed and does not load: ${(error as Error).message}`, error);
}
