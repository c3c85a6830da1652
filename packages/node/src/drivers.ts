/** Which driver opens a database. */

import type { Driver } from "../../js/src/driver.js";
import { knockerError } from "../../js/src/errors.js";
import { type BetterDatabaseClass, betterSqlite3, installedBetterSqlite3, loadedBetterSqlite3 } from "./better-sqlite3.js";
import type { Database } from "./database.js";
import { builtInSqlite, type NodeDatabaseClass, nodeSqlite } from "./node-sqlite.js";

/** A driver by its name, or the class that it exports: `Database` of better-sqlite3, `DatabaseSync` of node:sqlite. */
export type DriverChoice =
  "node:sqlite" | "better-sqlite3" | BetterDatabaseClass | NodeDatabaseClass | (new (...args: never[]) => Database);

/**
 * The driver for `open`. Without a choice: the built-in one, unless better-sqlite3 is loaded in this process already. Then that one, because
 * the application's own connections are likely to be on the same file, and two SQLite libraries on one file drop each other's locks.
 * @throws DriverMissingError
 */
export function chooseDriver(choice?: DriverChoice): Driver<Database> {
  if (typeof choice === "function") return driverOfClass(choice);
  if (choice !== undefined && choice !== "node:sqlite" && choice !== "better-sqlite3") {
    throw knockerError("usage", `driver: ${JSON.stringify(choice)} is neither "node:sqlite" nor "better-sqlite3" nor a class`);
  }
  const loaded = choice === "node:sqlite" ? undefined : loadedBetterSqlite3();
  if (loaded) return betterSqlite3(loaded);
  const builtIn = choice === "better-sqlite3" ? undefined : builtInSqlite();
  if (builtIn) return nodeSqlite(builtIn);
  if (choice === "node:sqlite") {
    throw knockerError("driver_missing", `Node ${process.versions.node} has no usable node:sqlite`);
  }
  const installed = installedBetterSqlite3();
  if (installed) return betterSqlite3(installed);
  throw knockerError(
    "driver_missing",
    choice
      ? "better-sqlite3 is not installed"
      : `Node ${process.versions.node} has no usable node:sqlite, and better-sqlite3 is not installed`,
  );
}

/** The driver that opened this database. */
export function driverOf(database: object): Driver<Database> {
  return driverOfClass(database.constructor);
}

function driverOfClass(Class: unknown): Driver<Database> {
  const prototype = (Class as { prototype?: object }).prototype ?? {};
  if ("enableLoadExtension" in prototype) return nodeSqlite(Class as NodeDatabaseClass);
  if ("unsafeMode" in prototype) return betterSqlite3(Class as BetterDatabaseClass);
  throw knockerError("usage", "this is no Database of better-sqlite3 and no DatabaseSync of node:sqlite");
}
