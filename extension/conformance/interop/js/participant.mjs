// The Node or the Bun package as a participant: the line protocol of ../README.md over its public API. KNOCKER_INTEROP_PACKAGE is the folder of the built
// package; its tests say how it opens a database.
import { join } from "node:path";
import { createInterface } from "node:readline";

const { open, knocker } = await import(
  join(process.env.KNOCKER_INTEROP_PACKAGE, "test/opening.js")
);
const { Dead, Ignore, KnockerError, Retry } = knocker;

const WRITTEN = `INSERT INTO written VALUES (?, ?, ?, ?, ?, ?, '${process.versions.bun ? "bun" : "node"}', sqlite_version())`;
let hooks, worker, gate, openGate;

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function handle(event, tx) {
  const { plan, order } = event.json();
  if (plan === "hold" && event.attempt === 1) {
    say({ held: event.key });
    await gate;
  }
  tx.prepare(WRITTEN).run(
    event.endpoint,
    event.key,
    event.type,
    order.customer,
    order.total,
    event.attempt,
  );
  if (plan === "fail" && event.attempt === 1) throw new Error("no stock yet");
  if (plan === "retry" && event.attempt === 1)
    throw new Retry({ after: 0, reason: "the till is closed" });
  if (plan === "ignore") throw new Ignore("a test order");
  if (plan === "dead") throw new Dead("no such customer");
}

const camel = (name) =>
  name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const camelKeys = (object) =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [camel(name), value]),
  );
const settingsOf = ({ backoff, ...settings }) => ({
  ...camelKeys(settings),
  backoff: camelKeys(backoff),
});

/** Members whose own names are data. */
const AS_THEY_ARE = ["headers", "options", "filter"];

/** Records as SQL has them: its names, times as Unix milliseconds, and no bodies. */
function plain(value) {
  if (value instanceof Date) return value.getTime();
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  const members = Object.entries(value).filter(([name]) => name !== "body");
  const snake = (name) =>
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(
    members.map(([name, one]) => [
      snake(name),
      AS_THEY_ARE.includes(name) ? one : plain(one),
    ]),
  );
}

const operations = {
  open({ file, endpoints }) {
    hooks = open(file, { busyTimeoutMs: 60_000, logger: false });
    for (const { name, secret, settings } of endpoints)
      hooks
        .endpoint(name, { ...settingsOf(settings), secrets: [secret] })
        .on("*", handle);
  },
  receive: ({ endpoint, request, body }) =>
    hooks.endpoint(endpoint).receive({ ...request, body }),
  work({ lease_s: leaseS }) {
    gate = new Promise((resolve) => (openGate = resolve));
    worker = hooks.work({ concurrency: 2, leaseS });
  },
  rest: () => worker.stop(),
  go: () => openGate(),
  replay: ({ event_id: id }) => hooks.replay(id),
  requeue: ({ event_id: id }) => hooks.requeue(id),
  ignore: ({ event_id: id, reason }) => hooks.ignore(id, reason),
  replay_delivery: ({ delivery_id: id }) => hooks.replayDelivery(id),
  replay_where: ({ filter }) => hooks.replayWhere(camelKeys(filter)),
  requeue_where: ({ filter }) => hooks.requeueWhere(camelKeys(filter)),
  ignore_where: ({ filter }) => hooks.ignoreWhere(camelKeys(filter)),
  stats: () => hooks.stats(),
  async list({ view }) {
    const records = [];
    // What the file has, and not what this process has declared.
    const list = view === "endpoints" ? "storedEndpoints" : view;
    for await (const record of hooks[list]()) records.push(record);
    return records;
  },
  close: () => hooks.close(),
};

async function answer({ id, op, ...given }) {
  try {
    say({ id, gives: plain((await operations[op](given)) ?? null) });
  } catch (error) {
    if (!(error instanceof KnockerError)) throw error;
    say({ id, error: error.code, says: error.message });
  }
}

for await (const line of createInterface({ input: process.stdin }))
  void answer(JSON.parse(line));
// Whoever asks has gone.
process.exit();
