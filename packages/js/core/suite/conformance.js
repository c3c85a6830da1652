import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

import { writeCount } from "./counts.js";
import { failure, file } from "./workplace.js";

const ROOT = new URL("../../../../extension/conformance/", import.meta.url);

/** The operations of the scenarios: their arguments in the order of the SQL function, which is `knocker_` and the name. */
const OPERATIONS = {
  ingest: ["endpoint", "fields", "body"],
  receive: ["endpoint", "request", "body", "secrets"],
  endpoint: ["name", "config"],
  verify: ["provider", "options", "request", "body", "secrets"],
  sign: ["provider", "options", "request", "body", "secret"],
  claim: ["worker", "limit", "lease_s", "filter"],
  handled: ["job_id", "worker", "duration_ms"],
  failed: ["job_id", "worker", "error", "duration_ms", "options"],
  skipped: ["job_id", "worker", "reason", "duration_ms"],
  extend: ["job_id", "worker", "lease_s"],
  release: ["worker"],
  next_due: ["filter"],
  replay: ["event_id", "options"],
  requeue: ["event_id", "options"],
  replay_delivery: ["delivery_id", "options"],
  ignore: ["event_id", "reason", "options"],
  replay_where: ["filter"],
  requeue_where: ["filter"],
  ignore_where: ["filter"],
  prune_events: ["filter"],
  prune_deliveries: ["filter"],
  retention: ["policy"],
  retain: [],
  stats: [],
};

const JSON_COLUMNS = new Set(["options", "backoff", "headers", "filter", "policy", "aliases"]);

const CASE_KEYS = ["name", "options", "secrets", "now", "request", "body", "body_base64", "expect", "then"];
const THEN_KEYS = ["now", "request", "body", "body_base64", "expect", "events"];
const EXPECT_KEYS = ["valid", "kind", "reason", "items", "status", "response_body", "response_headers"];
const STEP_KEYS = ["op", "now", "args", "expect", "expect_error", "save"];

/** A typing error in the data must not look like success. */
function onlyKeys(object, keys, at) {
  for (const key of Object.keys(object)) assert.ok(keys.includes(key), `${at} has an unknown key ${key}`);
}

/** The data that every implementation of Knocker runs, through the public API of this package. */
export default function conformance(runtime) {
  const { describe, it, knocker } = runtime;

  for (const [folder, list, run] of [
    ["verification", "cases", verify],
    ["lifecycle", "scenarios", play],
  ]) {
    describe(`conformance: ${folder}`, () => {
      const files = readdirSync(new URL(`${folder}/`, ROOT)).filter((name) => name.endsWith(".json"));
      const contents = files.sort().map((name) => [name, JSON.parse(readFileSync(new URL(`${folder}/${name}`, ROOT), "utf8"))]);
      let ran = 0;
      for (const [name, content] of contents) {
        for (const one of content[list]) {
          it(`${folder}/${name}: ${one.name}`, async () => {
            await run(one, content);
            ran += 1;
          });
        }
      }
      it(`ran every one of ${folder}`, () => {
        const expected = contents.reduce((sum, [, content]) => sum + content[list].length, 0);
        assert.ok(expected > 0, `${folder} holds no data`);
        assert.equal(ran, expected);
        writeCount(runtime, folder, ran);
        console.log(`conformance: ${ran} of ${expected} ${list} of ${folder} ran on ${runtime.label}`);
      });
    });
  }

  /** A case: the verdict of `knocker_verify`, then the receipt of an endpoint over the same request; and so for the further request. */
  async function verify(one, { provider }) {
    onlyKeys(one, CASE_KEYS, "the case");
    const { options = {}, secrets, then } = one;
    let { now } = one;
    const hooks = runtime.open(":memory:", { now: () => now });
    // An endpoint is not made with blank secrets alone, but a function of the request may find such ones.
    const blank = secrets.length > 0 && secrets.every((secret) => secret.trim() === "");
    const endpoint = hooks.endpoint("case", { provider, options, secrets: blank ? () => secrets : secrets });
    const ask = (request, body) =>
      hooks.call("knocker_verify", provider, JSON.stringify(options), JSON.stringify(request), body, JSON.stringify(secrets));
    const events = () => hooks.query("SELECT count(*) AS count FROM knocker_events")[0].count;
    await send(endpoint, ask, one, "accepted");
    if (then !== undefined) {
      onlyKeys(then, THEN_KEYS, "then");
      now = then.now;
      await send(endpoint, ask, then, then.events > events() ? "accepted" : "duplicate");
      assert.equal(events(), then.events);
    }
    await hooks.close();
  }

  /** One request of a case; `delivery` is the outcome of a delivery. */
  async function send(endpoint, ask, sent, delivery) {
    const { expect } = sent;
    onlyKeys(expect, EXPECT_KEYS, "expect");
    const body = sent.body_base64 === undefined ? (sent.body ?? "") : Buffer.from(sent.body_base64, "base64");
    const response = {
      status: expect.status,
      headers: expect.response_headers ?? {},
      ...(expect.response_body !== undefined && { body: expect.response_body }),
    };
    const { valid, kind = null, reason = null, items = [] } = expect;
    compare({ valid, kind, reason, items, response }, JSON.parse(await ask(sent.request, body)), "verdict");
    const receipt = await endpoint.receive({ ...sent.request, body });
    const outcome = { delivery, handshake: "handshake" }[kind] ?? "invalid";
    compare({ outcome, reason, response }, receipt, "receipt");
  }

  /** A scenario: steps with a clock. */
  async function play({ steps }, { values = {} }) {
    let clock;
    const hooks = runtime.open(file(), { synchronous: "normal", now: () => clock });
    const names = { ...values };
    for (const [index, step] of steps.entries()) {
      onlyKeys(step, STEP_KEYS, `step ${index + 1}`);
      clock = step.now ?? clock;
      const at = `step ${index + 1} (${step.op})`;
      const args = resolve(step.args ?? {}, names);
      if (step.expect_error !== undefined) {
        const error = await failure(perform(hooks, step.op, args));
        assert.ok(error instanceof knocker.KnockerError, `${at}: ${error}`);
        assert.equal(error.code, step.expect_error, at);
        continue;
      }
      const result = await perform(hooks, step.op, args);
      if (step.expect !== undefined) compare(resolve(step.expect, names), result, at);
      for (const [name, path] of Object.entries(step.save ?? {})) names[name] = lookUp(result, path);
    }
    await hooks.close();
  }

  async function perform(hooks, op, args) {
    if (op === "jobs") return select(hooks, "jobs", "job_id", args);
    if (op === "select")
      return select(hooks, args.view, args.view === "event_deliveries" ? "event_id, delivery_id" : "id", args.where ?? {});
    const order = OPERATIONS[op];
    assert.ok(order, `the data files name an operation that is not known here: ${op}`);
    for (const name of Object.keys(args)) assert.ok(order.includes(name.replace("_base64", "")), `${op} takes no ${name}`);
    const result = await hooks.call(`knocker_${op}`, ...order.map((name) => argument(name, args)));
    return typeof result === "string" ? JSON.parse(result) : result;
  }
}

function select(hooks, view, order, conditions) {
  const columns = Object.keys(conditions);
  const where = columns.length === 0 ? "1" : columns.map((column) => `${column} IS ?`).join(" AND ");
  const found = hooks.query(`SELECT * FROM knocker_${view} WHERE ${where} ORDER BY ${order}`, ...Object.values(conditions).map(plain));
  return found.map((row) => Object.fromEntries(Object.entries(row).map(([column, value]) => [column, readable(column, value)])));
}

/** A column as the data files write it. */
function readable(column, value) {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value);
    return Buffer.from(bytes.toString("utf8")).equals(bytes) ? bytes.toString("utf8") : { $base64: bytes.toString("base64") };
  }
  if (column === "enabled" && typeof value === "number") return value !== 0;
  if (!JSON_COLUMNS.has(column) || typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function argument(name, args) {
  if (name === "body" && args.body_base64 !== undefined) return Buffer.from(args.body_base64, "base64");
  return plain(args[name] ?? null);
}

function plain(value) {
  return value !== null && typeof value === "object" ? JSON.stringify(value) : value;
}

/** Replaces each `"$name"` by the value of that name. */
function resolve(value, names) {
  if (typeof value === "string" && value.startsWith("$")) {
    assert.ok(value.slice(1) in names, `nothing is named ${value}`);
    return names[value.slice(1)];
  }
  if (Array.isArray(value)) return value.map((element) => resolve(element, names));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, resolve(member, names)]));
}

function lookUp(value, path) {
  const found = path
    .split(".")
    .filter(Boolean)
    .reduce((part, name) => part?.[name], value);
  assert.notEqual(found, undefined, `there is no ${path} in ${JSON.stringify(value)}`);
  return found;
}

/** An object names the members that matter, an array is complete, anything else is equal; `$range`, `$not_null`, `$contains` mean what they say. */
function compare(expected, actual, at) {
  const said = `${at} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`;
  if (Array.isArray(expected)) {
    assert.ok(Array.isArray(actual) && actual.length === expected.length, said);
    expected.forEach((element, index) => compare(element, actual[index], `${at}[${index}]`));
    return;
  }
  if (expected === null || typeof expected !== "object") {
    assert.ok(expected === actual, said);
    return;
  }
  const [[rule, operand] = []] = Object.entries(expected);
  if (Object.keys(expected).length === 1 && rule.startsWith("$") && rule !== "$base64") {
    assert.ok(holds(rule, operand, actual), said);
    return;
  }
  assert.ok(actual !== null && typeof actual === "object", said);
  for (const [name, member] of Object.entries(expected)) {
    assert.ok(name in actual, `${at} has no ${name}: ${JSON.stringify(actual)}`);
    compare(member, actual[name], `${at}.${name}`);
  }
}

function holds(rule, operand, actual) {
  switch (rule) {
    case "$not_null":
      return actual !== null;
    case "$range":
      return actual >= operand[0] && actual <= operand[1];
    case "$contains":
      return typeof actual === "string" && actual.includes(operand);
    default:
      throw new Error(`the data files know no rule ${rule}`);
  }
}
