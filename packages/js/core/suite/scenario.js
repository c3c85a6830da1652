import assert from "node:assert/strict";

import { compare, onlyKeys } from "./matching.js";
import { checkArguments, checkOperations } from "./operations.js";
import { collect, failure, file } from "./workplace.js";

const STEP_KEYS = ["op", "now", "args", "expect", "expect_error", "save"];

/** A scenario: steps with a clock, through what an application calls. */
export async function play(runtime, { steps }, { values = {} }) {
  let clock;
  const now = () => clock;
  const hooks = runtime.open(file(), { synchronous: "normal", now });
  const operations = operationsOf(runtime, hooks, now);
  const names = { ...values };
  for (const [index, step] of steps.entries()) {
    onlyKeys(step, STEP_KEYS, `step ${index + 1}`);
    clock = step.now ?? clock;
    await playStep(runtime, operations, step, names, `step ${index + 1} (${step.op})`);
  }
  await hooks.close();
}

/** One operation, and what must come of it. `names` are those of values that were kept. */
export async function playStep({ knocker }, operations, step, names, at) {
  checkArguments(step.op, step.args ?? {}, at);
  const operation = operations[step.op];
  const args = resolve(step.args ?? {}, names);
  if (step.expect_error !== undefined) {
    const error = await failure(async () => operation(args));
    assert.ok(error instanceof knocker.KnockerError, `${at}: ${error}`);
    // What the package itself refuses, before the core is asked, is a usage error.
    const code = error.code === "usage" ? "invalid_argument" : error.code;
    assert.equal(code, step.expect_error, `${at}: ${error.message}`);
    return;
  }
  const result = toData(await operation(args));
  if (step.expect !== undefined) compare(resolve(step.expect, names), result, at);
  for (const [name, path] of Object.entries(step.save ?? {})) names[name] = lookUp(result, path);
}

/** Each operation of the data, by its arguments; what it gives is turned into what SQL gives by `toData`. */
export function operationsOf({ open, testing }, hooks, now) {
  let secrets = [];
  const declared = new Map();

  /** The endpoint of this name, whose secrets are those of the last request. */
  const endpointOf = (name) => declared.get(name) ?? hooks.endpoint(name);

  const idOf = async (name) => (await collect(hooks.storedEndpoints())).find((endpoint) => endpoint.name === name).id;

  /** The data changes endpoints and creates them with one operation. */
  async function endpoint({ name, config }) {
    const settings = camelKeys(config);
    if (config.backoff && typeof config.backoff === "object") settings.backoff = camelKeys(config.backoff);
    if (declared.has(name)) return hooks.updateEndpoint(name, settings);
    declared.set(name, hooks.endpoint(name, { ...settings, secrets: () => secrets }));
    return idOf(name);
  }

  async function verify({ provider, options, request, secrets, ...body }) {
    const elsewhere = open(":memory:", { now });
    try {
      return await elsewhere.endpoint("any", { provider, options, secrets }).verify({ headers: {}, ...request, body: bodyOf(body) });
    } finally {
      await elsewhere.close();
    }
  }

  const bodies = (list, one) => async () => Promise.all((await collect(list())).map(({ id }) => one(id)));
  const views = {
    events: bodies(
      () => hooks.events(),
      (id) => hooks.event(id),
    ),
    deliveries: bodies(
      () => hooks.deliveries(),
      (id) => hooks.delivery(id),
    ),
    attempts: () => collect(hooks.attempts()),
    endpoints: () => collect(hooks.storedEndpoints()),
    policies: () => collect(hooks.policies()),
    prunes: () => collect(hooks.prunes()),
    // In SQL a flag is a number.
    event_deliveries: async () =>
      (await Promise.all((await collect(hooks.events())).map(({ id }) => hooks.eventDeliveries({ eventId: id }))))
        .flat()
        .map(({ duplicate, ...link }) => ({ ...link, duplicate: Number(duplicate) })),
  };

  async function select({ view, where = {} }) {
    const rows = toData(await views[view]());
    return rows.filter((row) =>
      Object.entries(where).every(([column, value]) => {
        assert.ok(column in row, `${view} has no ${column}`);
        return row[column] === value;
      }),
    );
  }

  const operations = {
    endpoint,
    receive({ endpoint, request, secrets: given, ...body }) {
      secrets = given;
      return endpointOf(endpoint).receive({ headers: {}, ...request, body: bodyOf(body) });
    },
    ingest: ({ endpoint, fields, ...body }) => endpointOf(endpoint).ingest(camelKeys(fields), bodyOf(body)),
    verify,
    sign: ({ provider, options, request, secret, ...body }) => {
      const signed = testing.sign(provider, bodyOf(body), secret, { ...request, options, now: now() });
      return { headers: signed.headers, url: signed.url === (request.url ?? "/") ? null : signed.url, body: null };
    },
    claim: ({ worker, limit, lease_s, filter }) => hooks.leases(worker).claim(limit, lease_s, filter),
    jobs: async ({ worker }) =>
      (await hooks.leases(worker).jobs()).map(({ id, event, ...lease }) => ({ jobId: id, ...lease, ...eventOf(event) })),
    handled: ({ job_id, worker, duration_ms }) => hooks.leases(worker).handled(job_id, duration_ms),
    failed: ({ job_id, worker, error, duration_ms, options }) =>
      hooks.leases(worker).failed(job_id, error, duration_ms, options && camelKeys(options)),
    skipped: ({ job_id, worker, reason, duration_ms }) => hooks.leases(worker).skipped(job_id, reason, duration_ms),
    extend: ({ job_id, worker, lease_s }) => hooks.leases(worker).extend(job_id, lease_s),
    release: ({ worker }) => hooks.leases(worker).release(),
    next_due: ({ filter: { worker = "nobody", ...filter } = {} }) => hooks.leases(worker).nextDueMs(filter),
    replay: ({ event_id, options }) => hooks.replay(event_id, options),
    requeue: ({ event_id, options }) => hooks.requeue(event_id, options),
    replay_delivery: ({ delivery_id, options }) => hooks.replayDelivery(delivery_id, options),
    ignore: ({ event_id, reason, options }) => hooks.ignore(event_id, reason, options),
    replay_where: ({ filter }) => hooks.replayWhere(camelKeys(filter)),
    requeue_where: ({ filter }) => hooks.requeueWhere(camelKeys(filter)),
    ignore_where: ({ filter }) => hooks.ignoreWhere(camelKeys(filter)),
    prune_events: ({ filter }) => hooks.pruneEvents(camelKeys(filter)),
    prune_deliveries: ({ filter }) => hooks.pruneDeliveries(camelKeys(filter)),
    retention: ({ policy }) => hooks.retention(camelKeys(policy)),
    retain: () => hooks.retain(),
    stats: () => hooks.stats(),
    select,
    metrics: async () => samplesOf(await hooks.metrics()),
  };
  checkOperations(operations);
  return operations;
}

/** Each sample of the text as it is written, with its number. */
function samplesOf(text) {
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(samples.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]));
}

/** An event as a row of `knocker_jobs` has it. */
function eventOf({ id, ...event }) {
  return { eventId: id, ...event };
}

/** `lease_s` → `leaseS`, of each key; what is under them is somebody else's data. */
function camelKeys(object) {
  const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(object).map(([name, member]) => [camel(name), member]));
}

function bodyOf({ body, body_base64 }) {
  return body_base64 === undefined ? (body ?? null) : Buffer.from(body_base64, "base64");
}

/** Members whose own names are data. */
const AS_THEY_ARE = new Set(["headers", "options", "filter"]);

/** What the package gives, as SQL writes it: names in its case, times in Unix milliseconds, 1 where there is nothing to say. */
function toData(value) {
  if (value === undefined) return 1;
  return plain(value);
}

function plain(value) {
  if (value instanceof Date) return value.getTime();
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value);
    return Buffer.from(bytes.toString("utf8")).equals(bytes) ? bytes.toString("utf8") : { $base64: bytes.toString("base64") };
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  // The name of a sample is none of the package's.
  const snake = (name) => (/\W/.test(name) ? name : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [snake(name), AS_THEY_ARE.has(name) ? member : plain(member)]));
}

/** Replaces each `"$name"` by the value of that name. */
export function resolve(value, names) {
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
