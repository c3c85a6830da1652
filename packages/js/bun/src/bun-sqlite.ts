/** The driver bun:sqlite. */

import { Database, type Statement } from "bun:sqlite";
import { realpathSync } from "node:fs";

import type { Connection, Driver, Row, SqlValue } from "@knocker/core/driver.js";
import { fromDriver, knockerError } from "@knocker/core/errors.js";
import { takeKept } from "@knocker/core/handler-statements.js";
import { Statements } from "@knocker/core/statements.js";

/** A connection of bun:sqlite. */
class BunConnection implements Connection<Database> {
  readonly database: Database;
  readonly file: string;
  /** Run without parameters they take the former ones. */
  readonly forgetsBindings = false;
  readonly #statements: Statements<Statement>;

  constructor(database: Database) {
    this.database = database;
    // An application may have asked for bigints on its own connection, and Knocker works on that one where it is in memory.
    const prepare = (sql: string) => database.prepare(sql).safeIntegers(false);
    this.#statements = new Statements(prepare, (statement) => statement.finalize());
    // SQLite's own answer: the name that was given says nothing of `file:` URIs and of temporary databases.
    const [main] = attempt(() => {
      const list = database.prepare("PRAGMA database_list");
      try {
        return list.all() as { name: string; file: string }[];
      } finally {
        // One that is left to the garbage collector keeps the file open beyond close, and its log unmoved.
        list.finalize();
      }
    });
    this.file = main?.file ? realpathSync(main.file) : "";
  }

  get inTransaction(): boolean {
    try {
      return this.database.inTransaction;
    } catch {
      // It is closed.
      return false;
    }
  }

  get keptStatements(): number {
    return this.#statements.size;
  }

  loadExtension(path: string, entry: string): void {
    try {
      this.database.loadExtension(path, entry);
    } catch (error) {
      if (process.platform !== "darwin" || !/does not support|not support dynamic/i.test(String(error))) throw translate(error);
      throw knockerError(
        "cannot_load",
        "the SQLite that macOS brings loads no extensions: call Database.setCustomSQLite(path) with another one, such as Homebrew's, before the first Database",
        error,
      );
    }
  }

  exec(sql: string): void {
    attempt(() => this.database.run(sql));
  }

  get(sql: string, ...parameters: SqlValue[]): Row | undefined {
    // Not by `attempt`: it is called several times for each receipt, and a function made for each call costs as much as the rest of it.
    try {
      return (this.#statements.of(sql).get(...parameters) as Row | null) ?? undefined;
    } catch (error) {
      throw translate(error);
    }
  }

  all(sql: string, ...parameters: SqlValue[]): Row[] {
    return attempt(() => this.#statements.of(sql).all(...parameters) as Row[]);
  }

  close(): void {
    this.#statements.clear();
    for (const statement of takeKept(this.database)) (statement as Statement).finalize();
    attempt(() => this.database.close());
  }
}

function translate(error: unknown) {
  const code = (error as { errno?: unknown }).errno;
  return fromDriver(error, typeof code === "number" ? code : undefined);
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translate(error);
  }
}

/** The SQLite that Bun has built in. */
export const bunSqlite: Driver<Database> = {
  name: "bun:sqlite",
  library: Database,
  open: (path) => new BunConnection(attempt(() => new Database(path, { create: true, readwrite: true }))),
  wrap: (database) => {
    if (!(database instanceof Database)) throw knockerError("usage", "this is no Database of bun:sqlite");
    try {
      return new BunConnection(database);
    } catch (error) {
      // Nothing but a use tells it.
      throw /closed database/i.test(String(error)) ? knockerError("usage", "this Database of bun:sqlite is closed", error) : error;
    }
  },
};
