/**
 * Knocker for Node: webhooks received durably in an application that runs on SQLite.
 *
 * `open` a database, name an `endpoint`, mount its HTTP handler, register handlers with `on`, and `work`.
 */

import { Knocker } from "../../js/src/knocker.js";
import { loadOn } from "../../js/src/library.js";
import type { OpenOptions } from "../../js/src/session.js";
import type { Driver } from "../../js/src/driver.js";
import type { Database } from "./database.js";
import { chooseDriver, driverOf, type DriverChoice } from "./drivers.js";

export * from "../../js/src/index.js";
export type { Database, Statement } from "./database.js";
export type { DriverChoice } from "./drivers.js";

/** How to open a database on Node. */
export interface NodeOpenOptions extends OpenOptions {
  /** `"node:sqlite"`, `"better-sqlite3"`, or the class that one of them exports. Default: the built-in one where there is one. */
  driver?: DriverChoice;
}

/**
 * Opens a database file (or `:memory:`), creates or migrates Knocker's schema, and sets WAL, `synchronous=FULL` and foreign keys.
 * @throws SetupError where the library or a driver is missing, DatabaseError where the file cannot be used.
 */
export function open<Tx extends Database = Database>(path: string, options: NodeOpenOptions = {}): Knocker<Tx> {
  const { driver, ...rest } = options;
  return new Knocker<Tx>(chooseDriver(driver) as Driver<object> as Driver<Tx>, { path }, rest);
}

/**
 * Knocker on the file of a database that the application has opened: the same SQLite library, on connections of its own.
 * The given connection gets the functions and views, and is otherwise left as it is. A database in memory is shared.
 */
export function attach<Db extends Database>(database: Db, options: OpenOptions = {}): Knocker<Db> {
  return new Knocker<Db>(driverOf(database) as Driver<object> as Driver<Db>, { database }, options);
}

/** Loads the library on a connection of yours, for SQL of your own. Writes nothing; doing it twice is harmless. */
export function load(database: Database, extension?: string): void {
  loadOn(driverOf(database).wrap(database), extension);
}
