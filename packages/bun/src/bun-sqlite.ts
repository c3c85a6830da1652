/** The driver bun:sqlite. */

import { Database, type Statement } from "bun:sqlite";
import { realpathSync } from "node:fs";

import type { Connection, Driver, Row, SqlValue } from "../../js/src/driver.js";
import { fromDriver, knockerError } from "../../js/src/errors.js";

/** A connection of bun:sqlite. */
class BunConnection implements Connection<Database> {
  readonly database: Database;
  readonly file: string;
  readonly #statements = new Map<string, Statement>();

  constructor(database: Database) {
    this.database = database;
    // SQLite's own answer: the name that was given says nothing of `file:` URIs and of temporary databases.
    const main = attempt(() => database.prepare("PRAGMA database_list").all() as { name: string; file: string }[])[0];
    this.file = main?.file ? realpathSync(main.file) : "";
  }

  get inTransaction(): boolean {
    return this.database.inTransaction;
  }

  loadExtension(path: string, entry: string): void {
    try {
      this.database.loadExtension(path, entry);
    } catch (error) {
      if (process.platform !== "darwin" || !/does not support|not support dynamic/i.test(String(error))) throw translate(error);
      throw knockerError(
        "driver_missing",
        "the SQLite that macOS brings loads no extensions: call Database.setCustomSQLite(path) with another one, such as Homebrew's, before the first Database",
        error,
      );
    }
  }

  exec(sql: string): void {
    attempt(() => this.database.run(sql));
  }

  get(sql: string, ...parameters: SqlValue[]): Row | undefined {
    return attempt(() => (this.#statement(sql).get(...parameters) as Row | null) ?? undefined);
  }

  all(sql: string, ...parameters: SqlValue[]): Row[] {
    return attempt(() => this.#statement(sql).all(...parameters) as Row[]);
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    attempt(() => this.database.close());
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
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
  wrap: (database) => new BunConnection(database),
};
