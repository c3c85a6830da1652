/**
 * Knocker for Bun: webhooks received durably in an application that runs on SQLite.
 *
 * `open` a database, name an `endpoint`, mount its HTTP handler, register handlers with `on`, and `work`.
 */

import type { Database } from "bun:sqlite";

import { Hooks } from "@knocker/core/hooks.js";
import { loadOn } from "@knocker/core/library.js";
import type { OpenOptions } from "@knocker/core/options.js";
import { type SetUp, Tenants, type TenantsOptions } from "@knocker/core/tenants.js";
import { bunSqlite } from "./bun-sqlite.js";

export * from "@knocker/core/index.js";

/**
 * Opens a database file (or `:memory:`), creates or migrates Knocker's schema, and sets WAL, `synchronous=FULL` and foreign keys.
 * @throws SetupError where the library is missing or cannot be loaded, DatabaseError where the file cannot be used.
 */
export function open(path: string, options: OpenOptions = {}): Hooks<Database> {
  return new Hooks(bunSqlite, { path }, options);
}

/**
 * Knocker on the file of a database that the application has opened, on connections of its own.
 * The given connection gets the functions and views, and is otherwise left as it is. A database in memory is shared.
 */
export function attach(database: Database, options: OpenOptions = {}): Hooks<Database> {
  return new Hooks(bunSqlite, { database }, options);
}

/**
 * `open` for a folder with a file for each tenant. Files are opened when they are needed, as many at once as `maxOpen` says.
 * @param pattern a path with one `*` that stands for the tenant's name, in its last part or the one before: `tenants/*.db`.
 * @param setUp declares a tenant's endpoints and their handlers. Runs each time that its file is opened; may be async.
 */
export function openMany(pattern: string, setUp: SetUp<Database>, options: TenantsOptions = {}): Tenants<Database> {
  return new Tenants(bunSqlite, pattern, setUp, options);
}

/** Loads the library on a connection of yours, for SQL of your own. Writes nothing; doing it twice is harmless. */
export function load(database: Database, extension?: string): void {
  loadOn(bunSqlite.wrap(database), extension);
}
