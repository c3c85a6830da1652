/**
 * Knocker for Node: webhooks received durably in an application that runs on SQLite.
 *
 * `open` a database, name an `endpoint`, mount its HTTP handler, register handlers with `on`, and `work`.
 */

import { check, OBJECT } from "@knocker/core/check.js";
import { Hooks } from "@knocker/core/hooks.js";
import { loadOn } from "@knocker/core/library.js";
import type { OpenOptions } from "@knocker/core/options.js";
import { isAddress } from "@knocker/core/rqlite/address.js";
import { type SetUp, Tenants, type TenantsOptions } from "@knocker/core/tenants.js";
import type { Driver } from "@knocker/core/driver.js";
import type { AnyDatabase, Database } from "./database.js";
import { chooseDriver, driverOf, type DriverChoice, use } from "./drivers.js";

export * from "@knocker/core/index.js";
export type { AnyDatabase, Changes, Database, NamedParameters, Statement } from "./database.js";
export type { DriverChoice } from "./drivers.js";

/** How to open a database on Node. */
export interface NodeOpenOptions extends OpenOptions {
  /** `"node:sqlite"`, `"better-sqlite3"`, or the class that one of them exports. Default: better-sqlite3 where the application has imported it, else the built-in one. */
  driver?: DriverChoice;
}

/** A class of databases, given as the driver: its instances are what handlers get. */
type ClassOf<Tx extends AnyDatabase> = new (...args: never[]) => Tx;

/**
 * Opens a database file (or `:memory:`), creates or migrates Knocker's schema, and sets WAL, `synchronous=FULL` and foreign keys.
 *
 * As an experiment, `path` may name the nodes of rqlite, `rqlite://user:password@a:4001,b:4001,c:4001`, or `rqlites://…` for HTTPS: each of them has the file, and
 * what is acknowledged is on most of them. Requests are judged here, so that no secret is sent. `busyTimeoutMs` is for how long another node is tried, after which a
 * call throws `ClusterUnavailableError`. Of `tx` handlers have `prepare(sql).run(…)` and `exec(sql)` there, for one statement that writes: they are sent in one
 * request with the verdict.
 * @throws UsageError where the arguments cannot be meant, SetupError where the library or a driver is missing, DatabaseError where the file cannot
 * be used.
 */
export function open<Tx extends AnyDatabase>(path: string, options: NodeOpenOptions & { driver: ClassOf<Tx> }): Hooks<Tx>;
export function open<Tx extends AnyDatabase = Database>(path: string, options?: NodeOpenOptions): Hooks<Tx>;
export function open<Tx extends AnyDatabase>(path: string, options: NodeOpenOptions = {}): Hooks<Tx> {
  check("open(path, options)", "options", options, OBJECT);
  const { driver, ...rest } = options;
  return knocker<Tx>(chooseDriver(driver), isAddress(path) ? { nodes: path } : { path }, rest);
}

/**
 * Knocker on the file of a database that the application has opened: the same SQLite library, on connections of its own.
 * The given connection gets the functions and views, and is otherwise left as it is. A database in memory is shared.
 * @throws UsageError where this is no open database.
 */
export function attach<Db extends AnyDatabase>(database: Db, options: OpenOptions = {}): Hooks<Db> {
  return knocker<Db>(driverOf(database), { database }, options);
}

/** How to open the files of tenants on Node. */
export interface NodeTenantsOptions extends TenantsOptions, Pick<NodeOpenOptions, "driver"> {}

/**
 * `open` for a folder with a file for each tenant. Files are opened when they are needed, as many at once as `maxOpen` says.
 * @param pattern a path with one `*` that stands for the tenant's name, in its last part or the one before: `tenants/*.db`.
 * @param setUp declares a tenant's endpoints and their handlers. Runs each time that its file is opened; may be async.
 * @throws UsageError where the arguments cannot be meant, SetupError where the library or a driver is missing.
 */
export function openMany<Tx extends AnyDatabase>(
  pattern: string,
  setUp: SetUp<Tx>,
  options: NodeTenantsOptions & { driver: ClassOf<Tx> },
): Tenants<Tx>;
export function openMany<Tx extends AnyDatabase = Database>(pattern: string, setUp: SetUp<Tx>, options?: NodeTenantsOptions): Tenants<Tx>;
export function openMany<Tx extends AnyDatabase>(pattern: string, setUp: SetUp<Tx>, options: NodeTenantsOptions = {}): Tenants<Tx> {
  check("openMany(pattern, setUp, options)", "options", options, OBJECT);
  const { driver, ...rest } = options;
  const chosen = chooseDriver(driver);
  const made = new Tenants<Tx>(chosen as Driver<object> as Driver<Tx>, pattern, setUp, rest);
  use(chosen);
  return made;
}

/**
 * Loads the library on a connection of yours, for SQL of your own. Writes nothing; doing it twice is harmless.
 * @throws UsageError where this is no open database.
 */
export function load(database: AnyDatabase, extension?: string): void {
  loadOn(driverOf(database).wrap(database as Database), extension);
}

function knocker<Tx extends AnyDatabase>(
  driver: Driver<Database>,
  source: { path: string } | { database: Tx } | { nodes: string },
  options: OpenOptions,
): Hooks<Tx> {
  const made = new Hooks<Tx>(driver as Driver<object> as Driver<Tx>, source, options);
  use(driver);
  return made;
}
