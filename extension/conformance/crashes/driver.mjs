// The Node or Bun package at work, for the crash tests to record: `driver.mjs <file> <name> <seed> <steps>`.
//
// It does what src/crash/workload.rs does, through the package's public interface, and writes the same marks. KNOCKER_CRASH_PACKAGE is the folder of the built
// package; its tests say how it opens a database.
import { constants as files, openSync, writeSync } from "node:fs";
import { join } from "node:path";

const folder = process.env.KNOCKER_CRASH_PACKAGE;
const { open, openRaw, knocker } = await import(join(folder, "test/opening.js"));
const { drain } = await import(join(folder, "dist/testing.js"));
const { DatabaseError, Retry, Ignore } = knocker;

const SECRET = "test-secret";
const SETTINGS = {
  provider: "token",
  options: { header: "x-shop-token", id_path: "id", type_path: "kind" },
  maxAttempts: 1000,
  invalidPerHour: 1_000_000_000,
  secrets: [SECRET],
};
const OPENINGS = 20;
// A little more than the package waits before it tries a failed disk again.
const PAUSE_MS = 300;

const [path, name, seedText, stepsText] = process.argv.slice(2);
const choose = generator(Number(seedText));
const below = (limit) => Math.floor(choose() * limit);
const write = process.versions.bun ? await throughTheRecorder() : throughTheSystem();
const say = (line) => write(`${line}\n`);
const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
let number = 0;
let refusals = 0;
/** What the handlers of the running drain have made of each event. */
let attempted = [];

function throughTheSystem() {
  const marks = openSync(process.env.KNOCKER_RECORDER_MARKS, "a");
  return (text) => writeSync(marks, text);
}

/** Bun writes its files past the C library, where nothing is recorded; its SQLite does not. */
async function throughTheRecorder() {
  const { dlopen } = await import("bun:ffi");
  const { symbols } = dlopen(process.env.LD_PRELOAD, {
    open: { args: ["ptr", "i32", "i32"], returns: "i32" },
    write: { args: ["i32", "ptr", "usize"], returns: "i64" },
  });
  const { O_WRONLY, O_APPEND, O_CREAT } = files;
  const marks = symbols.open(Buffer.from(`${process.env.KNOCKER_RECORDER_MARKS}\0`), O_WRONLY | O_APPEND | O_CREAT, 0o644);
  return (text) => {
    const bytes = Buffer.from(text);
    symbols.write(marks, bytes, bytes.length);
  };
}

/** mulberry32: the same numbers for the same seed. */
function generator(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function refused(error) {
  if (!(error instanceof DatabaseError)) throw error;
  refusals += 1;
  say("refused");
}

async function prepare() {
  const hooks = open(path, { busyTimeoutMs: 60_000, logger: false });
  try {
    return declare(hooks);
  } catch (error) {
    await hooks.close();
    throw error;
  }
}

function declare(hooks) {
  const raw = openRaw(path);
  raw.exec("PRAGMA busy_timeout = 60000; PRAGMA synchronous = FULL");
  raw.exec("CREATE TABLE IF NOT EXISTS orders (event_id INTEGER NOT NULL, attempt INTEGER NOT NULL, worker TEXT NOT NULL)");
  raw.close();
  const orders = hooks.endpoint("orders", SETTINGS);
  const scrap = hooks.endpoint("scrap", SETTINGS);
  orders.on("*", (event, tx) => {
    if ((event.id + event.attempt) % 7 === 0) {
      attempted.push(`failed ${event.id}`);
      throw new Retry({ after: 0 });
    }
    if (event.id % 11 === 0) {
      attempted.push(`skipped ${event.id}`);
      throw new Ignore("a test order");
    }
    tx.prepare("INSERT INTO orders VALUES (?, ?, ?)").run(event.id, event.attempt, name);
    attempted.push(`handled ${event.id}`);
  });
  scrap.on("*", () => attempted.push("scrapped"));
  return { hooks, orders, scrap };
}

async function receive({ orders, scrap }) {
  number += 1;
  const key = `${name}-${number}`;
  const token = choose() < 0.1 ? "forged" : SECRET;
  // Long ones, so that checkpoints come due.
  const note = "x".repeat(below(choose() < 0.3 ? 60_000 : 600));
  const endpoint = choose() < 0.25 ? scrap : orders;
  const body = JSON.stringify({ id: key, kind: "order.paid", note });
  const headers = { "X-Shop-Token": token, "Content-Type": "application/json" };
  try {
    const receipt = await endpoint.receive({ method: "POST", url: "/webhooks", headers, body });
    const word = endpoint === scrap && receipt.eventId !== null ? "scrap" : receipt.outcome;
    say(`${word} ${receipt.deliveryId} ${receipt.eventId} ${key}`);
  } catch (error) {
    refused(error);
  }
}

async function work({ hooks }) {
  attempted = [];
  const done = await drain(hooks);
  const count = (...words) => attempted.filter((line) => words.includes(line.split(" ")[0])).length;
  const asTold = count("handled", "scrapped") === done.handled && count("failed") === done.failed && count("skipped") === done.ignored;
  // Where a result could not be written, or became another one because a commit failed, it is not told which.
  if (!asTold) refusals += 1;
  else for (const line of attempted) if (line !== "scrapped") say(line);
}

async function prune({ hooks }) {
  say("pruning");
  const soon = new Date(Date.now() + 86_400_000);
  const { events } = await hooks.pruneEvents({ endpoint: "scrap", before: soon, status: "handled", limit: 1 + below(19) });
  say(`pruned ${events}`);
}

async function step(shop, drains) {
  const what = below(100);
  if (what < 35) await receive(shop);
  else if (what < 60) await Promise.all(Array.from({ length: 2 + below(7) }, () => receive(shop)));
  else if (what < 90 && drains) await work(shop);
  else await prune(shop);
}

async function main() {
  let shop;
  for (let opening = 0; !shop; opening++) {
    if (opening === OPENINGS) return;
    try {
      shop = await prepare();
    } catch {
      await pause();
    }
  }
  say("prepared");
  say("armed");
  // In every second life a worker beside the senders: what it has handled is not said, but checked all the same.
  const drains = Number(seedText) % 2 === 0;
  const worker = drains ? undefined : shop.hooks.work({ concurrency: 2 });
  for (let count = 0; count < Number(stepsText); count++) {
    const before = refusals;
    try {
      await step(shop, drains);
    } catch (error) {
      refused(error);
    }
    if (refusals > before) await pause();
  }
  await worker?.stop();
  await shop.hooks.close();
}

await main();
