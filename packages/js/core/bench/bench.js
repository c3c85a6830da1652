// The figures of a runtime: `KNOCKER_BENCH_SERVER=<server module> bench.js [by-hand | drain | wake | attacked | other-writers]…`, all of them by default. Every receive is fsynced.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

import { Compared, median } from "./compared.js";
import { soak } from "./soak.js";
import { BODY, headers, SECRET } from "./requests.js";

const { label, open, openRaw } = await import(process.env.KNOCKER_BENCH_SERVER);
const folder = mkdtempSync(join(process.env.KNOCKER_BENCH_FOLDER ?? tmpdir(), "knocker-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const script = (name) => fileURLToPath(new URL(name, import.meta.url));
const round = (number) => Math.round(number).toLocaleString("en");
const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const percentile = (numbers, part) => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))];

let missed = 0;
function say(what, figure, goal = "", met = true) {
  if (!met) missed += 1;
  console.log(`${what.padEnd(72)} ${figure.padStart(16)}  ${goal}${met ? "" : " MISSED"}`.trimEnd());
}

/** What is measured against by hand. */
async function byHand() {
  const compared = new Compared(folder);
  for (const words of await compared.run()) say(...words);
  missed += compared.missed;
}

async function drain() {
  const hooks = open(join(folder, "drain.db"));
  const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
  const database = openRaw(join(folder, "drain.db"));
  database.exec("PRAGMA busy_timeout = 5000; CREATE TABLE orders (event INTEGER)");
  const total = 2000;
  await Promise.all(Array.from({ length: total }, () => endpoint.receive({ headers: headers(), body: BODY })));
  let handled = 0;
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  endpoint.on("push", (event, tx) => {
    tx.prepare("INSERT INTO orders VALUES (?)").run(event.id);
    if (++handled === total) finish();
  });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  const worker = hooks.work();
  await finished;
  const rate = total / ((performance.now() - start) / 1000);
  delay.disable();
  say("events handled/s, one insert each, a commit each", round(rate));
  say("  event loop delay p99 while draining", `${(delay.percentile(99) / 1e6).toFixed(1)} ms`);
  await worker.stop();
  database.close();
  await hooks.close();
}

/** Starts the worker of wake.js; `next` gives what it prints. */
function startWaker(file) {
  const child = spawn(process.execPath, [script("wake.js"), file], { stdio: ["pipe", "pipe", "inherit"] });
  let waiting;
  let buffered = "";
  child.stdout.on("data", (chunk) => {
    buffered += chunk;
    const line = buffered.indexOf("\n");
    if (line < 0 || !waiting) return;
    waiting(buffered.slice(0, line));
    buffered = buffered.slice(line + 1);
  });
  return { child, next: () => new Promise((resolve) => (waiting = resolve)) };
}

async function wake() {
  const file = join(folder, "wake.db");
  const hooks = open(file);
  const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
  const { child, next } = startWaker(file);
  await next();
  const latencies = [];
  for (let n = 0; n < 200; n++) {
    const printed = next();
    await endpoint.receive({ headers: headers(), body: BODY });
    const committed = performance.timeOrigin + performance.now();
    latencies.push(Math.max(0, Number(await printed) - committed));
    // At any point of the other process's rhythm.
    await new Promise((resolve) => setTimeout(resolve, 5 + ((n * 7) % 13)));
  }
  say(
    "wake latency from commit to handler, across processes, p50",
    `${median(latencies).toFixed(2)} ms`,
    "under 3 ms",
    median(latencies) < 3,
  );
  say("  p99", `${percentile(latencies, 0.99).toFixed(2)} ms`);
  const idle = next();
  child.stdin.write("idle\n");
  const share = Number(await idle);
  say("CPU time of an idle worker", `${share.toFixed(2)} %`, "under 1 %", share < 1);
  child.kill();
  await hooks.close();
}

async function attacked() {
  const { quiet, attacked, requests } = await soak(folder);
  const [plain, under] = [median(quiet.latencies), median(attacked.latencies)];
  const milliseconds = (number) => `${number.toFixed(2)} ms`;
  say(`two strangers send ${requests} requests of 1 MiB: genuine receipts, p50 (without: ${milliseconds(plain)})`, milliseconds(under));
  say("  times as long", (under / plain).toFixed(2), "under 2", under / plain < 2);
  say(
    `  p95 (without: ${milliseconds(percentile(quiet.latencies, 0.95))}), of ${attacked.latencies.length}`,
    milliseconds(percentile(attacked.latencies, 0.95)),
  );
  const wait = percentile(attacked.waits, 0.95);
  say(`  another process waits for the lock, p95 of ${attacked.waits.length}`, milliseconds(wait), "under 100 ms", wait < 100);
  say("  at most", milliseconds(Math.max(...attacked.waits)));
}

/** What another process waits for the lock beside a worker with a backlog: a table of its own, with its goals. */
async function otherWriters() {
  const table = fileURLToPath(new URL("../../../../extension/bench/other-writers", import.meta.url));
  const child = spawn(table, [folder, process.execPath, script("beside.js")], { stdio: ["ignore", "inherit", "inherit"] });
  await once(child, "close");
}

console.log(`\n${label}, ${BODY.length} bytes a body, synchronous=FULL`);
const parts = { "by-hand": byHand, drain, wake, attacked, "other-writers": otherWriters };
for (const part of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts)) await parts[part]();
process.exitCode = missed > 0 ? 1 : 0;
process.exit();
