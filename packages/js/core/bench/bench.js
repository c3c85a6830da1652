// The figures of a runtime: `KNOCKER_BENCH_SERVER=<server module> bench.js [by-hand | drain | wake | attacked | other-writers]…`, all of them by default. Every receive is fsynced.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

import { receiverByHand } from "./by-hand.js";
import { load } from "./load.js";
import { soak } from "./soak.js";
import { BODY, headers, SECRET } from "./requests.js";

const { label, open, openRaw } = await import(process.env.KNOCKER_BENCH_SERVER);
const folder = mkdtempSync(join(process.env.KNOCKER_BENCH_FOLDER ?? tmpdir(), "knocker-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const script = (name) => fileURLToPath(new URL(name, import.meta.url));
const round = (number) => Math.round(number).toLocaleString("en");
const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const percentile = (numbers, part) => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))];
const median = (numbers) => percentile(numbers, 0.5);

let missed = 0;
function say(what, figure, goal = "", met = true) {
  if (!met) missed += 1;
  console.log(`${what.padEnd(72)} ${figure.padStart(16)}  ${goal}${met ? "" : "  MISSED"}`);
}

/** Receives through `receive` with this many callers at a time; returns receives a second. */
async function drive(receive, callers, total) {
  // As a server has them: made before the clock runs.
  const requests = Array.from({ length: total }, () => [headers(), Buffer.from(BODY)]);
  const start = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let request = requests.pop(); request; request = requests.pop()) await receive(...request);
    }),
  );
  return total / ((performance.now() - start) / 1000);
}

/** Alternates the two, so that a disk that changes its mind changes it for both. Returns what each does in a second, and how many times as much one does as the other. */
async function alternate(rounds, one, other) {
  const [ours, theirs, times] = [[], [], []];
  for (let n = 0; n < rounds; n++) {
    ours.push(await one());
    theirs.push(await other());
    times.push(ours[n] / theirs[n]);
  }
  return [ours, theirs, times].map(median);
}

/** What is measured against by hand, a row each. */
async function byHand() {
  const columns = (what, knocker, hand, times, goal = "") =>
    console.log([what.padEnd(52), ...[knocker, hand, times].map((cell) => cell.padStart(9)), goal].join("  ").trimEnd());
  const row = (what, [ours, theirs, times], goal = 0) => {
    const isMet = times >= goal;
    if (!isMet) missed += 1;
    columns(what, round(ours), round(theirs), times.toFixed(1), goal > 0 ? `at least ${goal}${isMet ? "" : "  MISSED"}` : "");
  };
  console.log("by hand: one insert and one commit a request, and one commit a job");
  columns("a second", "Knocker", "by hand", "ratio", "goal");
  await calls(row);
  const told = await http(row);
  await backlogs(row);
  console.log();
  for (const words of told) say(...words);
}

async function calls(row) {
  const hooks = open(join(folder, "calls.db"));
  const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
  const byHand = receiverByHand(openRaw(join(folder, "by-hand.db")));
  const knocker = (given, body) => endpoint.receive({ url: "/webhooks/github", headers: given, body });
  // A caller that waits for nothing still gives way to others, as a server's would.
  const plain = async (given, body) => (await null, byHand(given, body));
  await drive(knocker, 64, 500);
  for (const callers of [1, 8, 64]) {
    const total = callers === 64 ? 4000 : 400;
    const figures = await alternate(
      5,
      () => drive(knocker, callers, total),
      () => drive(plain, callers, Math.min(total, 1000)),
    );
    row(`receives, ${callers} ${callers === 1 ? "caller" : "callers"}`, figures, callers === 64 ? 4.5 : 0);
  }
  const statement = openRaw(join(folder, "calls.db"));
  statement.exec("PRAGMA busy_timeout = 5000");
  await hooks.close();
  statement.close();
}

async function started(kind) {
  const child = spawn(process.execPath, [script("server.js"), kind, join(folder, `http-${kind}.db`)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  const port = Number(line);
  return { child, port, figures: async () => (await fetch(`http://127.0.0.1:${port}/delay`)).json() };
}

async function http(row) {
  const [ours, theirs] = [await started("knocker"), await started("by-hand")];
  await load(ours.port, 64, 1000);
  await load(theirs.port, 64, 300);
  await ours.figures();
  const cpu = [];
  const delays = [];
  const measured = async (server, total, kept) => {
    const rate = await load(server.port, 64, total);
    const figures = await server.figures();
    if (kept) {
      cpu.push((figures.cpuMs / total) * 1000 * (rate / 1e6));
      delays.push(figures.p99);
    }
    return rate;
  };
  const figures = await alternate(
    5,
    () => measured(ours, 4000, true),
    () => measured(theirs, 2000, false),
  );
  row("receives over HTTP, 64 connections", figures, 3.5);
  for (const { child } of [ours, theirs]) child.kill();
  return [
    ["over HTTP the server is on its core, the rest is the disk", `${(median(cpu) * 100).toFixed(0)} %`],
    ["event loop delay p99 under that load", `${median(delays).toFixed(1)} ms`],
  ];
}

async function drain() {
  const hooks = open(join(folder, "drain.db"));
  const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
  const database = openRaw(join(folder, "drain.db"));
  database.exec("PRAGMA busy_timeout = 5000; CREATE TABLE orders (event INTEGER)");
  const total = 2000;
  await drive((given, body) => endpoint.receive({ headers: given, body }), 64, total);
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

/** A backlog worked off, also on disks that sync slowly: with shared commits, without, and by hand with one commit a job. Linux alone slows a disk. */
async function backlogs(row) {
  const slow = fileURLToPath(new URL("../../../../extension/bench/slow-disk/run", import.meta.url));
  const rate = async (way, delayMs, total) => {
    const program = [process.execPath, script("drains.js"), way, join(mkdtempSync(join(folder, "drain-")), "app.db"), String(total)];
    const [command, ...parameters] = delayMs > 0 ? [slow, String(delayMs * 1000), ...program] : program;
    const child = spawn(command, parameters, { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (chunk) => (said += chunk));
    await once(child, "close");
    return Number(said);
  };
  for (const delayMs of process.platform === "linux" ? [0, 2, 5] : [0]) {
    const disk = delayMs > 0 ? `syncs delayed by ${delayMs} ms` : "the bare disk";
    const few = delayMs > 0 ? 600 : 4000;
    const hand = () => rate("hand", delayMs, few);
    row(`events handled, ${disk}`, await alternate(3, () => rate("shared", delayMs, 4000), hand), delayMs > 0 ? 10 : 1.5);
    row(`events handled, ${disk}, a commit each`, await alternate(3, () => rate("apart", delayMs, few), hand));
  }
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
