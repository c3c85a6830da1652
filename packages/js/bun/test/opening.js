// How this runtime opens a database: also for processes and threads that are no test.
import { Database } from "bun:sqlite";

import * as knocker from "@knocker/bun";

/** Opens through the driver under test. */
export function open(path, options) {
  return knocker.open(path, options);
}

/** Opens many files. */
export function openMany(pattern, setUp, options) {
  return knocker.openMany(pattern, setUp, options);
}

/** The driver's own database, without Knocker. */
export function openRaw(path) {
  return new Database(path);
}

/** Serves an endpoint; returns the port. */
export async function serve(endpoint) {
  return Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: endpoint.fetch }).port;
}

export { Database, knocker };
