/** The driver better-sqlite3. */

import { realpathSync } from "node:fs";
import { createRequire } from "node:module";

import type { Connection, Driver, Row, SqlValue } from "../../js/src/driver.js";
import { fromDriver, knockerError, type KnockerError } from "../../js/src/errors.js";
import type { Database, Statement } from "./database.js";

/** A `Database` of better-sqlite3, as far as it is used here. */
export interface BetterDatabase extends Database {
  readonly name: string;
  readonly memory: boolean;
  readonly inTransaction: boolean;
  loadExtension(path: string, entry?: string): unknown;
}

type BetterStatement = Statement & { readonly reader: boolean };

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
  const code = /^SQLITE_[A-Z]+/.exec(String((error as { code?: unknown }).code))?.[0] ?? "";
  return fromDriver(error, RESULT_CODES[code]);
}

/** A connection of better-sqlite3. */
class BetterConnection implements Connection<BetterDatabase> {
  readonly database: BetterDatabase;
  readonly file: string;
  readonly #statements = new Map<string, BetterStatement>();

  constructor(database: BetterDatabase) {
    this.database = database;
    this.file = database.memory ? "" : realpathSync(database.name);
  }

  get inTransaction(): boolean {
    return this.database.inTransaction;
  }

  loadExtension(path: string, entry: string): void {
    attempt(() => this.database.loadExtension(path, entry));
  }

  exec(sql: string): void {
    attempt(() => this.database.exec(sql));
  }

  get(sql: string, ...parameters: SqlValue[]): Row | undefined {
    return attempt(() => {
      const statement = this.#statement(sql);
      if (statement.reader) return statement.get(...parameters) as Row | undefined;
      statement.run(...parameters);
      return undefined;
    });
  }

  all(sql: string, ...parameters: SqlValue[]): Row[] {
    return attempt(() => this.#statement(sql).all(...parameters) as Row[]);
  }

  close(): void {
    this.#statements.clear();
    attempt(() => this.database.close());
  }

  #statement(sql: string): BetterStatement {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.database.prepare(sql) as BetterStatement;
      this.#statements.set(sql, statement);
    }
    return statement;
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
    wrap: (database) => new BetterConnection(database as BetterDatabase),
  } satisfies Driver<Database> as Driver<Database>;
}

/**
 * The better-sqlite3 that this process has loaded, by whichever module. Its SQLite library is then likely to have the application's own
 * connections on the same file.
 */
export function loadedBetterSqlite3(): BetterDatabaseClass | undefined {
  const cache = createRequire(import.meta.url).cache;
  const path = Object.keys(cache).find((loaded) => /[\\/]better-sqlite3[\\/]lib[\\/]index\.js$/.test(loaded));
  return path === undefined ? undefined : (cache[path]!.exports as BetterDatabaseClass);
}

/** The installed better-sqlite3, found from the application's folder, then from this package; undefined where there is none. */
export function installedBetterSqlite3(): BetterDatabaseClass | undefined {
  for (const from of [`${process.cwd()}/`, import.meta.url]) {
    try {
      return createRequire(from)("better-sqlite3") as BetterDatabaseClass;
    } catch (error) {
      if ((error as { code?: string }).code !== "MODULE_NOT_FOUND") throw unusable(error);
    }
  }
  return undefined;
}

/** It is installed, and its native part is missing or made for another Node. */
function unusable(error: unknown): KnockerError {
  return knockerError("driver_missing", `better-sqlite3 is installed and does not load: ${(error as Error).message}`, error);
}
