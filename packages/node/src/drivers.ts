/** Which driver opens a database. */

import type { Driver } from "../../js/src/driver.js";
import { DriverMissingError, knockerError } from "../../js/src/errors.js";
import { applicationsBetterSqlite3, type BetterDatabaseClass, betterSqlite3, otherBetterSqlite3, requireUsable } from "./better-sqlite3.js";
import type { AnyDatabase, Database } from "./database.js";
import { builtInSqlite, isBuiltInLoaded, type NodeDatabaseClass, nodeSqlite } from "./node-sqlite.js";

/** A driver by its name, or the class that it exports: `Database` of better-sqlite3, `DatabaseSync` of node:sqlite. */
export type DriverChoice =
  "node:sqlite" | "better-sqlite3" | BetterDatabaseClass | NodeDatabaseClass | (new (...args: never[]) => AnyDatabase);

/**
 * The driver for `open`.
 *
 * Without a choice it goes by what is installed, not by what happens to be loaded first: two SQLite libraries on one file drop each other's locks, so it
 * must be the one that the application's own connections have. Where better-sqlite3 is installed for the application and usable, that one; else
 * the built-in one.
 * @throws DriverMissingError
 */
export function chooseDriver(choice?: DriverChoice): Driver<Database> {
  if (typeof choice === "function") return driverOfClass(choice);
  if (choice === undefined) return defaultDriver();
  if (choice === "node:sqlite") {
    const builtIn = builtInSqlite();
    if (builtIn) return nodeSqlite(builtIn);
    throw knockerError("driver_missing", `Node ${process.versions.node} has no usable node:sqlite`);
  }
  if (choice !== "better-sqlite3") {
    throw knockerError("usage", `driver: ${JSON.stringify(choice)} is neither "node:sqlite" nor "better-sqlite3" nor a class`);
  }
  const installed = applicationsBetterSqlite3();
  if (installed) return betterSqlite3(installed);
  throw knockerError("driver_missing", "better-sqlite3 is not installed");
}

function defaultDriver(): Driver<Database> {
  let unusable: unknown;
  try {
    const Class = applicationsBetterSqlite3();
    if (Class) {
      if (isBuiltInLoaded()) {
        throw knockerError(
          "usage",
          'this process has loaded node:sqlite, and better-sqlite3 is installed: name the one that opens your files, open(path, { driver: "node:sqlite" })',
        );
      }
      const rival = () => (isBuiltInLoaded() ? "node:sqlite" : otherBetterSqlite3(Class) ? "another better-sqlite3" : undefined);
      return { ...betterSqlite3(Class), rival };
    }
  } catch (error) {
    // One that does not load here has no connections of the application either.
    if (!(error instanceof DriverMissingError)) throw error;
    unusable = error;
  }
  const builtIn = builtInSqlite();
  if (builtIn) return { ...nodeSqlite(builtIn), rival: () => (!unusable && otherBetterSqlite3() ? "better-sqlite3" : undefined) };
  if (unusable) throw unusable;
  throw knockerError("driver_missing", `Node ${process.versions.node} has no usable node:sqlite, and better-sqlite3 is not installed`);
}

/** The driver that this process works with already: the extension refuses to work with a second SQLite library. */
let used: Driver<Database> | undefined;

/** Notes that a driver is worked with. */
export function use(driver: Driver<Database>): Driver<Database> {
  used ??= driver;
  return driver;
}

/** For what needs any connection at all. */
export function anyDriver(choice?: DriverChoice): Driver<Database> {
  return choice === undefined && used ? used : chooseDriver(choice);
}

/** The driver that opened this database. */
export function driverOf(database: unknown): Driver<Database> {
  return driverOfClass((database as object | null | undefined)?.constructor);
}

function driverOfClass(Class: unknown): Driver<Database> {
  const prototype = (Class as { prototype?: object } | undefined)?.prototype ?? {};
  if ("enableLoadExtension" in prototype) return nodeSqlite(Class as NodeDatabaseClass);
  if ("unsafeMode" in prototype) {
    requireUsable(Class as BetterDatabaseClass);
    return betterSqlite3(Class as BetterDatabaseClass);
  }
  throw knockerError("usage", "this is no Database of better-sqlite3 and no DatabaseSync of node:sqlite");
}
