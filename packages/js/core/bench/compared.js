// What is measured against by hand, a row each: receives without and with HTTP, and a backlog, on the disk as it is and on two that sync slowly.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { load } from "./load.js";

const script = (name) => fileURLToPath(new URL(name, import.meta.url));
const SLOW_DISK = script("../../../../extension/bench/slow-disk/run");
/** Linux alone slows a disk. */
const DELAYS_MS = process.platform === "linux" ? [0, 2, 5] : [0];
const diskOf = (delayMs) => (delayMs > 0 ? `syncs delayed by ${delayMs} ms` : "the bare disk");

/** How many times as much as by hand is asked for; and where that is more than the library itself does here, which part of that. */
const GOALS = { callers: 4.5, http: 3.5, drain: 10, drainBare: 1.5 };
const LEAST_OF_FLOOR = 0.5;

const round = (number) => Math.round(number).toLocaleString("en");
export const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

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

/** Starts a script of this folder on a disk whose syncs take at least so long. */
function start(delayMs, name, ...parameters) {
  const program = [process.execPath, script(name), ...parameters.map(String)];
  const [command, ...rest] = delayMs > 0 ? [SLOW_DISK, String(delayMs * 1000), ...program] : program;
  return spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] });
}

/** The table, with its goals. */
export class Compared {
  missed = 0;
  #folder;
  /** What is said below the table. */
  #told = [];

  constructor(folder) {
    this.#folder = folder;
  }

  /** Measures all of it, and returns what else was seen, as rows for another table. */
  async run() {
    console.log("by hand: one insert and one commit a request, and one commit a job");
    this.#columns("a second", "Knocker", "by hand", "ratio", "goal");
    const floor = await this.#floor();
    for (const delayMs of DELAYS_MS) await this.#calls(delayMs, floor);
    const seen = [];
    for (const delayMs of DELAYS_MS) seen.push(...(await this.#http(delayMs, floor)));
    for (const delayMs of DELAYS_MS) await this.#backlogs(delayMs);
    console.log();
    for (const words of this.#told) console.log(words);
    return seen;
  }

  #columns(what, knocker, hand, times, goal = "") {
    const cells = [knocker, hand, times].map((cell) => cell.padStart(9));
    console.log([what.padEnd(60), ...cells, goal].join("  ").trimEnd());
  }

  /** @param most what cannot be exceeded here, where that is known. */
  #row(what, [ours, theirs, times], goal = 0, most = Infinity) {
    const isBeyond = goal * theirs > most;
    const share = ours / most;
    const isMet = isBeyond ? share >= LEAST_OF_FLOOR : times >= goal;
    if (!isMet) this.missed += 1;
    const asked = isBeyond ? `${LEAST_OF_FLOOR} of the floor` : goal;
    this.#columns(what, round(ours), round(theirs), times.toFixed(1), goal > 0 ? `at least ${asked}${isMet ? "" : " MISSED"}` : "");
    if (!isBeyond) return;
    const wanted = `${goal} times by hand are ${round(goal * theirs)} a second`;
    this.#told.push(
      `${what}: ${wanted}, more than the ${round(most)} that the library does here with no package around it; Knocker does ${share.toFixed(2)} of these.`,
    );
  }

  /** A file in a folder of its own, which goes when the work is done. */
  async #onFile(work) {
    const own = mkdtempSync(join(this.#folder, "compared-"));
    try {
      return await work(join(own, "app.db"));
    } finally {
      rmSync(own, { recursive: true });
    }
  }

  /** What a script prints that ends with it. */
  #printed(delayMs, name, way, ...parameters) {
    return this.#onFile(async (file) => {
      const child = start(delayMs, name, way, file, ...parameters);
      let said = "";
      child.stdout.on("data", (chunk) => (said += chunk));
      await once(child, "close");
      if (!(Number(said) > 0)) throw new Error(`${name} ${way} has measured nothing`);
      return Number(said);
    });
  }

  async #floor() {
    const rate = (way, total) => this.#printed(0, "receives.js", way, 1, total);
    const figures = await alternate(
      5,
      () => rate("floor", 8000),
      () => rate("hand", 1000),
    );
    this.#row("the floor: the library alone, a second of CPU time", figures);
    return figures[0];
  }

  async #calls(delayMs, floor) {
    for (const callers of [1, 8, 64]) {
      const rate = (way, total) => this.#printed(delayMs, "receives.js", way, callers, total);
      const [rounds, many, few] = delayMs > 0 ? [3, callers === 64 ? 4000 : 200, 200] : [5, callers === 64 ? 4000 : 400, 1000];
      const figures = await alternate(
        rounds,
        () => rate("knocker", many),
        () => rate("hand", few),
      );
      const what = `receives, ${callers} ${callers === 1 ? "caller" : "callers"}, ${diskOf(delayMs)}`;
      this.#row(what, figures, callers === 64 ? GOALS.callers : 0, delayMs > 0 ? Infinity : floor);
    }
  }

  /** A server in a process of its own. */
  async #served(delayMs, kind, work) {
    return this.#onFile(async (file) => {
      const child = start(delayMs, "server.js", kind, file);
      const [line] = await once(child.stdout, "data");
      const port = Number(line);
      try {
        return await work(port, async () => (await fetch(`http://127.0.0.1:${port}/delay`)).json());
      } finally {
        child.kill();
        await once(child, "close");
      }
    });
  }

  async #http(delayMs, floor) {
    const most = delayMs > 0 ? Infinity : 1e6 / (1e6 / floor + (await this.#bareRequestUs()));
    const [cpu, delays] = [[], []];
    const [rounds, many, few] = delayMs > 0 ? [3, 4000, 400] : [5, 4000, 2000];
    const figures = await this.#served(delayMs, "knocker", (ours, report) =>
      this.#served(delayMs, "by-hand", async (theirs) => {
        await load(ours, 64, 1000);
        await load(theirs, 64, 200);
        await report();
        const measured = async () => {
          const rate = await load(ours, 64, many);
          const { cpuMs, p99 } = await report();
          cpu.push((cpuMs / many) * 1000 * (rate / 1e6));
          delays.push(p99);
          return rate;
        };
        return alternate(rounds, measured, () => load(theirs, 64, few));
      }),
    );
    this.#row(`receives over HTTP, 64 connections, ${diskOf(delayMs)}`, figures, GOALS.http, most);
    return [
      [`over HTTP the server is on its core, ${diskOf(delayMs)}`, `${(median(cpu) * 100).toFixed(0)} %`],
      [`event loop delay p99 under that load, ${diskOf(delayMs)}`, `${median(delays).toFixed(1)} ms`],
    ];
  }

  /** What the runtime's server takes of the CPU for a request that nothing is done with, in microseconds. */
  #bareRequestUs() {
    return this.#served(0, "nothing", async (port, report) => {
      await load(port, 64, 4000);
      await report();
      const taken = [];
      for (let n = 0; n < 5; n++) {
        await load(port, 64, 4000);
        taken.push(((await report()).cpuMs / 4000) * 1000);
      }
      return median(taken);
    });
  }

  /** A backlog worked off: with shared commits, without, and by hand with one commit a job. */
  async #backlogs(delayMs) {
    const few = delayMs > 0 ? 600 : 4000;
    const rate = (way, total) => this.#printed(delayMs, "drains.js", way, total);
    const hand = () => rate("hand", few);
    const what = `events handled, ${diskOf(delayMs)}`;
    this.#row(what, await alternate(3, () => rate("shared", 4000), hand), delayMs > 0 ? GOALS.drain : GOALS.drainBare);
    this.#row(`${what}, a commit each`, await alternate(3, () => rate("apart", few), hand));
  }
}
