/** What better-sqlite3's `Database` and node:sqlite's `DatabaseSync` have in common: the type of `tx` unless you name your driver's. */

import type { SqlValue } from "@knocker/core/driver.js";

/** What running a statement changed. */
export interface Changes {
  changes: number | bigint;
  lastInsertRowid: number | bigint;
}

/** Values by the names of a statement's parameters. */
export type NamedParameters = Record<string, SqlValue>;

/** A prepared statement. It takes the values of its marks in order, or an object with those of its named parameters. */
export interface Statement {
  run(...parameters: SqlValue[]): Changes;
  run(named: NamedParameters, ...parameters: SqlValue[]): Changes;
  get(...parameters: SqlValue[]): unknown;
  get(named: NamedParameters, ...parameters: SqlValue[]): unknown;
  all(...parameters: SqlValue[]): unknown[];
  all(named: NamedParameters, ...parameters: SqlValue[]): unknown[];
  iterate(...parameters: SqlValue[]): IterableIterator<unknown>;
  iterate(named: NamedParameters, ...parameters: SqlValue[]): IterableIterator<unknown>;
}

/** The least that a driver's database has; `Tx` of `open` may be any such type. */
export interface AnyDatabase {
  prepare(sql: string): object;
  exec(sql: string): unknown;
  close(): unknown;
}

/** A database. `open<import("better-sqlite3").Database>(path)` gives handlers the full type of a driver. */
export interface Database {
  prepare(sql: string): Statement;
  exec(sql: string): unknown;
  close(): unknown;
}
