/** Which driver opens a database. */

import type { Driver } from "@knocker/core/driver.js";
import { CannotLoadError, knockerError } from "@knocker/core/errors.js";
import {
  applicationsBetterSqlite3,
  type BetterDatabaseClass,
  betterSqlite3,
  loadedBetterSqlite3,
  otherBetterSqlite3,
  requireUsable,
} from "./better-sqlite3.js";
import type { AnyDatabase, Database } from "./database.js";
import { builtInSqlite, isBuiltInLoaded, type NodeDatabaseClass, nodeSqlite } from "./node-sqlite.js";

/** A driver by its name, or the class that it exports: `Database` of better-sqlite3, `DatabaseSync` of node:sqlite. */
export type DriverChoice =
  "node:sqlite" | "better-sqlite3" | BetterDatabaseClass | NodeDatabaseClass | (new (...args: never[]) => AnyDatabase);

/**
 * The driver for `open`.
 *
 * Two SQLite libraries on one file drop each other's locks, so without a choice it is the better-sqlite3 that the application has imported: its own
 * connections are likely to be on the same file. Else it is the built-in one, and where there is none an installed better-sqlite3.
 * @throws CannotLoadError
 */
export function chooseDriver(choice?: DriverChoice): Driver<Database> {
  if (typeof choice === "function") return driverOfClass(choice);
  if (choice === undefined) return defaultDriver();
  if (choice === "node:sqlite") {
    const builtIn = builtInSqlite();
    if (builtIn) return nodeSqlite(builtIn);
    throw knockerError("cannot_load", `Node ${process.versions.node} has no usable node:sqlite`);
  }
  if (choice !== "better-sqlite3") {
    throw knockerError("usage", `driver: ${JSON.stringify(choice)} is neither "node:sqlite" nor "better-sqlite3" nor a class`);
  }
  const installed = applicationsBetterSqlite3();
  if (installed) return betterSqlite3(installed);
  throw knockerError("cannot_load", "better-sqlite3 is not installed");
}

function defaultDriver(): Driver<Database> {
  const loaded = usable(loadedBetterSqlite3);
  if (loaded) {
    const rival = () => (isBuiltInLoaded() ? "node:sqlite" : otherBetterSqlite3(loaded) ? "another better-sqlite3" : undefined);
    return { ...betterSqlite3(loaded), rival };
  }
  const builtIn = builtInSqlite();
  if (builtIn) return { ...nodeSqlite(builtIn), rival: () => (otherBetterSqlite3() ? "better-sqlite3" : undefined) };
  const installed = applicationsBetterSqlite3();
  if (installed) return betterSqlite3(installed);
  throw knockerError("cannot_load", `Node ${process.versions.node} has no usable node:sqlite, and better-sqlite3 is not installed`);
}

/** What `find` finds; nothing where it does not load here: the application has no connections through it either. */
function usable(find: () => BetterDatabaseClass | undefined): BetterDatabaseClass | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof CannotLoadError) return undefined;
    throw error;
  }
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
