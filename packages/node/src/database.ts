/** What better-sqlite3's `Database` and node:sqlite's `DatabaseSync` have in common: the type of `tx` unless you name your driver's. */

import type { SqlValue } from "../../js/src/driver.js";

/** A prepared statement. */
export interface Statement {
  run(...parameters: SqlValue[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  get(...parameters: SqlValue[]): unknown;
  all(...parameters: SqlValue[]): unknown[];
  iterate(...parameters: SqlValue[]): IterableIterator<unknown>;
}

/** A database. `open<import("better-sqlite3").Database>(path)` gives handlers the full type of a driver. */
export interface Database {
  prepare(sql: string): Statement;
  exec(sql: string): unknown;
  close(): unknown;
}
