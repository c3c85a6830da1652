/** The driver node:sqlite, which Node 22 and newer have built in. */

import { realpathSync } from "node:fs";

import type { Connection, Driver, Row, SqlValue } from "@knocker/core/driver.js";
import { fromDriver, knockerError, type KnockerError } from "@knocker/core/errors.js";
import { Statements } from "@knocker/core/statements.js";
import type { Database, Statement } from "./database.js";

/** A `DatabaseSync` of node:sqlite, as far as it is used here. */
export interface NodeDatabase extends Database {
  readonly isTransaction: boolean;
  location(): string | null;
  loadExtension(path: string, entry?: string): void;
  enableLoadExtension(allow: boolean): void;
}

type NodeStatement = Statement & { setReadBigInts(on: boolean): void; setReturnArrays?(on: boolean): void };

/** Rows as Knocker reads them, whatever the application has asked for on its own connection. */
function plain(statement: NodeStatement): Statement {
  statement.setReadBigInts(false);
  statement.setReturnArrays?.(false);
  return statement;
}

/** The class that `node:sqlite` exports. */
export type NodeDatabaseClass = new (path: string, options?: { allowExtension?: boolean }) => NodeDatabase;

/** A connection of node:sqlite. */
class NodeConnection implements Connection<Database> {
  readonly database: NodeDatabase;
  readonly file: string;
  readonly forgetsBindings = true;
  readonly #statements: Statements<Statement>;

  constructor(database: NodeDatabase) {
    this.database = database;
    this.#statements = new Statements((sql) => plain(database.prepare(sql) as NodeStatement));
    const location = database.location();
    this.file = location === null ? "" : realpathSync(location);
  }

  get inTransaction(): boolean {
    try {
      return this.database.isTransaction;
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
      // Where the application has loading switched on, it stays on.
      return this.database.loadExtension(path, entry);
    } catch (error) {
      if (!isState(error)) throw translate(error);
    }
    try {
      this.database.enableLoadExtension(true);
    } catch (error) {
      throw knockerError("cannot_load", "this DatabaseSync loads no extensions: open it with { allowExtension: true }", error);
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
    // Not by `attempt`: it is called several times for each receipt, and a function made for each call costs as much as the rest of it.
    try {
      return this.#statements.of(sql).get(...parameters) as Row | undefined;
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

/** Whether Node itself refuses the call: no database is open, or extensions are not to be loaded. */
function isState(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ERR_INVALID_STATE";
}

function translate(error: unknown): KnockerError {
  const code = (error as { errcode?: unknown }).errcode;
  return fromDriver(error, typeof code === "number" ? code : undefined);
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translate(error);
  }
}

/** The driver of the built-in SQLite. */
export function nodeSqlite(Class: NodeDatabaseClass): Driver<Database> {
  return {
    name: "node:sqlite",
    library: Class,
    open: (path) => new NodeConnection(attempt(() => new Class(path, { allowExtension: true }))),
    wrap: (database) => {
      try {
        return new NodeConnection(database as NodeDatabase);
      } catch (error) {
        throw isState(error) ? knockerError("usage", "this DatabaseSync is not open", error) : translate(error);
      }
    },
  };
}

/** The built-in class; undefined where this Node has none, or one too old to tell whether a transaction is open. */
export function builtInSqlite(): NodeDatabaseClass | undefined {
  const module = process.getBuiltinModule?.("node:sqlite") as { DatabaseSync?: NodeDatabaseClass } | undefined;
  // `location` and `isTransaction` came with the same releases, and only the one is a member of the prototype.
  return module?.DatabaseSync && "location" in module.DatabaseSync.prototype ? module.DatabaseSync : undefined;
}

/** Whether something in this process has asked for the built-in module, be it Knocker. */
export function isBuiltInLoaded(): boolean {
  return (process as { moduleLoadList?: readonly string[] }).moduleLoadList?.includes("NativeModule sqlite") ?? false;
}
