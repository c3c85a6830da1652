// What every suite works with: files that go away by themselves, and promises instead of pauses.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = [];

/** Removes the folders that were made so far. */
export function removeFolders() {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

process.on("exit", removeFolders);

/** A folder of its own, gone when the process ends. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), "knocker-test-"));
  folders.push(path);
  return path;
}

/** A file name in a folder of its own. */
export function file() {
  return join(folder(), "app.db");
}

/** A promise and what settles it. */
export function deferred() {
  let resolve, reject;
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

/** How long something may take before that is a failure, in milliseconds: no slow disk and no busy machine should make it one. */
export const PATIENCE_MS = Number(process.env.KNOCKER_TEST_PATIENCE_MS ?? 300_000);

/** Settles when `condition` holds, asked once a turn of the event loop; fails after `PATIENCE_MS`. */
export async function until(condition, what) {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited ${PATIENCE_MS / 1000} seconds for: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The one error that `work` ends in. */
export async function failure(work) {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    return error;
  }
  throw new Error("this should have failed");
}

/** What hooks are made of, as the testing module of the package sees it. */
export function internals(hooks) {
  for (let at = hooks; at; at = Object.getPrototypeOf(at)) {
    const symbol = Object.getOwnPropertySymbols(at).find(({ description }) => description === "knocker internals");
    if (symbol) return hooks[symbol];
  }
  throw new Error("these are no hooks");
}

/** Every statement that the writer's connection runs from now on, in order. */
export function statementsOf(hooks) {
  const { connection } = internals(hooks).inbox;
  const statements = [];
  const get = connection.get.bind(connection);
  connection.get = (sql, ...parameters) => {
    statements.push(sql);
    return get(sql, ...parameters);
  };
  return statements;
}

/** Every element of an async iterator. */
export async function collect(iterator) {
  const all = [];
  for await (const element of iterator) all.push(element);
  return all;
}

/** Rows of a driver's own database. */
export function rows(database, sql, ...parameters) {
  return database.prepare(sql).all(...parameters);
}

/** One value of a driver's own database. */
export function value(database, sql, ...parameters) {
  return Object.values(rows(database, sql, ...parameters)[0])[0];
}

/** Whether a process is there. */
export function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export const SECRET = "test-secret";

let counter = 0;

/** A signed GitHub request; each has an identity of its own unless `id` says otherwise. */
export function push(
  { testing },
  { body = { ref: "main" }, id = `delivery-${++counter}`, type = "push", secret = SECRET, ...options } = {},
) {
  return testing.sign("github", body, secret, { headers: { "X-GitHub-Event": type, "X-GitHub-Delivery": id }, ...options });
}

/** Hooks on a new file with a GitHub endpoint, whose writes wait as long as others take. What fails out of sight is collected in `errors`. */
export function github(runtime, options = {}, endpointOptions = {}) {
  const { path = file(), ...rest } = options;
  const errors = [];
  const onError = (error, event) => errors.push({ error, event });
  const hooks = runtime.open(path, { busyTimeoutMs: PATIENCE_MS, onError, logger: false, ...rest });
  const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET], ...endpointOptions });
  return { hooks, endpoint, errors, path };
}
