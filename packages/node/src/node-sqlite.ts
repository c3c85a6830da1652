/** The driver node:sqlite, which Node 22 and newer have built in. */

import { realpathSync } from "node:fs";

import type { Connection, Driver, Row, SqlValue } from "../../js/src/driver.js";
import { fromDriver, knockerError } from "../../js/src/errors.js";
import type { Database, Statement } from "./database.js";

/** A `DatabaseSync` of node:sqlite, as far as it is used here. */
export interface NodeDatabase extends Database {
  readonly isTransaction: boolean;
  location(): string | null;
  loadExtension(path: string, entry?: string): void;
  enableLoadExtension(allow: boolean): void;
}

/** The class that `node:sqlite` exports. */
export type NodeDatabaseClass = new (path: string, options?: { allowExtension?: boolean }) => NodeDatabase;

/** A connection of node:sqlite. */
class NodeConnection implements Connection<Database> {
  readonly database: NodeDatabase;
  readonly file: string;
  readonly #statements = new Map<string, Statement>();

  constructor(database: NodeDatabase) {
    this.database = database;
    const location = database.location();
    this.file = location === null ? "" : realpathSync(location);
  }

  get inTransaction(): boolean {
    return this.database.isTransaction;
  }

  loadExtension(path: string, entry: string): void {
    try {
      this.database.enableLoadExtension(true);
    } catch (error) {
      throw knockerError("driver_missing", "this DatabaseSync loads no extensions: open it with { allowExtension: true }", error);
    }
    attempt(() => {
      try {
        this.database.loadExtension(path, entry);
      } finally {
        this.database.enableLoadExtension(false);
      }
    });
  }

  exec(sql: string): void {
    attempt(() => this.database.exec(sql));
  }

  get(sql: string, ...parameters: SqlValue[]): Row | undefined {
    return attempt(() => this.#statement(sql).get(...parameters) as Row | undefined);
  }

  all(sql: string, ...parameters: SqlValue[]): Row[] {
    return attempt(() => this.#statement(sql).all(...parameters) as Row[]);
  }

  close(): void {
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

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = (error as { errcode?: unknown }).errcode;
    throw fromDriver(error, typeof code === "number" ? code : undefined);
  }
}

/** The driver of the built-in SQLite. */
export function nodeSqlite(Class: NodeDatabaseClass): Driver<Database> {
  return {
    name: "node:sqlite",
    library: Class,
    open: (path) => new NodeConnection(attempt(() => new Class(path, { allowExtension: true }))),
    wrap: (database) => new NodeConnection(database as NodeDatabase),
  };
}

/** The built-in class; undefined where this Node has none, or one too old to tell whether a transaction is open. */
export function builtInSqlite(): NodeDatabaseClass | undefined {
  const module = process.getBuiltinModule?.("node:sqlite") as { DatabaseSync?: NodeDatabaseClass } | undefined;
  // `location` and `isTransaction` came with the same releases, and only the one is a member of the prototype.
  return module?.DatabaseSync && "location" in module.DatabaseSync.prototype ? module.DatabaseSync : undefined;
}
