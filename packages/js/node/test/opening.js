// How this runtime opens a database: also for processes and threads that are no test.
import { createServer } from "node:http";
import { createRequire } from "node:module";

import * as knocker from "@knocker/node";

/** The driver under test, as KNOCKER_TEST_DRIVER names it. */
export const driver = process.env.KNOCKER_TEST_DRIVER ?? "better-sqlite3";

/** Its class. */
export const Database =
  driver === "node:sqlite" ? process.getBuiltinModule("node:sqlite").DatabaseSync : createRequire(import.meta.url)(driver);

/** Opens through the driver under test. */
export function open(path, options) {
  return knocker.open(path, { driver: Database, ...options });
}

/** Opens many files through the driver under test. */
export function openMany(pattern, setUp, options) {
  return knocker.openMany(pattern, setUp, options === null ? null : { driver: Database, ...options });
}

/** The driver's own database, without Knocker. */
export function openRaw(path) {
  return driver === "node:sqlite" ? new Database(path, { allowExtension: true }) : new Database(path);
}

/** Serves an endpoint; returns the port. */
export function serve(endpoint) {
  const server = createServer(endpoint.express()).listen(0, "127.0.0.1");
  return new Promise((resolve) => server.once("listening", () => resolve(server.address().port)));
}

export { knocker };
