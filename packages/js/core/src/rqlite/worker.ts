/** The worker of a cluster. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import { checkObject } from "../check.js";
import type { Endpoint } from "../endpoint.js";
import { LeaseLostError } from "../errors.js";
import { isInHandlerOf } from "../running.js";
import type { Telling } from "../telling.js";
import { FAILURE_PAUSE_MS, RETENTION_EVERY_MS, WORK_OPTIONS, type Worker, type WorkOptions } from "../worker.js";
import { firstOf } from "./answers.js";
import { type RqliteInbox, VERDICT_PATIENCE_MS } from "./inbox.js";
import { Lane } from "./lane.js";
import { callOf } from "./statements.js";

/** How often the nodes are asked for what other processes have received, in milliseconds. */
const POLL_MS = 1000;

/** What a worker is to an application, on a file or on a cluster. */
export type Running<Db extends object> = Pick<Worker<Db>, "name" | "done" | "stop" | typeof Symbol.asyncDispose>;

/** A running worker: as many names as there are handlers at a time, and under each one job after the other. */
export class RqliteWorker<Db extends object> implements Running<Db> {
  readonly name = `${hostname()}:${process.pid}:${randomBytes(4).toString("hex")}`;
  readonly done: Promise<void>;
  readonly #inbox: RqliteInbox<Db>;
  readonly #lanes: readonly Lane<Db>[];
  readonly #leaseS: number;
  readonly #pollMs: number;
  readonly #telling: Telling;
  readonly #forget: (() => void)[] = [];
  /** Jobs whose leases are lost, as far as that has been told. */
  readonly #lost = new Set<unknown>();
  /** Those who sleep until something is announced. */
  readonly #sleeping = new Set<() => void>();
  #news = 0;
  #stopping = false;
  #extending = false;

  constructor(inbox: RqliteInbox<Db>, endpoints: ReadonlyMap<string, Endpoint<Db>>, options: WorkOptions = {}) {
    checkObject("work(options)", options, WORK_OPTIONS);
    inbox.requireOpen();
    const { concurrency = 1, signal, leaseS = 60, pollMs = POLL_MS, onError, onDead } = options;
    this.#inbox = inbox;
    this.#leaseS = leaseS;
    this.#pollMs = pollMs;
    this.#telling = inbox.telling.with({ onError, onDead }, this.name);
    const work = { inbox, endpoints, leaseS, telling: this.#telling, owner: this.name, told: new Set<never>(), since: undefined };
    this.#lanes = Array.from({ length: concurrency }, (_, index) => new Lane(work, `${this.name}:${index}`));
    this.#forget.push(inbox.onCommit(() => this.#notify()));
    this.#forget.push(inbox.onClose(() => this.#stop()));
    this.#forget.push(inbox.onReload(() => void this.#stop()));
    const heartbeat = setInterval(() => void this.#extend(), (leaseS * 1000) / 3);
    this.#forget.push(() => clearInterval(heartbeat));
    const tidy = setInterval(() => void this.#retain(), RETENTION_EVERY_MS);
    this.#forget.push(() => clearInterval(tidy));
    const abort = () => void this.stop();
    signal?.addEventListener("abort", abort, { once: true });
    this.#forget.push(() => signal?.removeEventListener("abort", abort));
    if (signal?.aborted) this.#stopping = true;
    this.#telling.line("info", "worker_started", `worker ${this.name} started`, { concurrency });
    this.done = this.#work();
  }

  async stop(): Promise<void> {
    const stopped = this.#stop();
    if (!isInHandlerOf(this.name)) await stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #stop(): Promise<void> {
    this.#stopping = true;
    this.#notify();
    return this.done;
  }

  async #work(): Promise<void> {
    // Handlers that are registered in this turn of the event loop are seen.
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(this.#lanes.map((lane) => this.#run(lane)));
    for (const forget of this.#forget) forget();
    await this.#release();
  }

  async #run(lane: Lane<Db>): Promise<void> {
    while (!this.#stopping) {
      // Looked at before the nodes are asked: a receipt that comes in between is not slept through.
      const news = this.#news;
      try {
        const next = await lane.take();
        if (next !== null && typeof next === "object") {
          if (!this.#stopping) await lane.attempt(next);
          this.#inbox.announce();
        } else await this.#sleep(Math.min(next ?? Infinity, this.#pollMs), news);
      } catch (error) {
        if (this.#stopping) return;
        this.#telling.error(error);
        await this.#sleep(FAILURE_PAUSE_MS, this.#news);
      }
    }
  }

  /** Settles after that time, at an announcement of this process, or at once where there has been one since. */
  #sleep(limitMs: number, news: number): Promise<void> {
    if (this.#stopping || this.#news !== news) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#sleeping.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, limitMs);
      this.#sleeping.add(wake);
    });
  }

  #notify(): void {
    this.#news += 1;
    for (const wake of [...this.#sleeping]) wake();
  }

  /** Extends each lease in a request of its own: one that is lost does not undo the others. */
  async #extend(): Promise<void> {
    // The former pass may still wait for the nodes.
    if (this.#extending) return;
    this.#extending = true;
    for (const { worker, running } of this.#lanes) {
      if (running === undefined) continue;
      const jobId = running["job_id"]!;
      try {
        await this.#inbox.ask("write", this.#inbox.busyTimeoutMs, [
          callOf("knocker_extend", jobId, worker, this.#leaseS, this.#inbox.now()),
        ]);
      } catch (error) {
        // One that was finished meanwhile is not lost.
        if (this.#lanes.some((lane) => lane.running === running)) this.#notExtended(jobId, error);
      }
    }
    this.#extending = false;
  }

  #notExtended(jobId: unknown, error: unknown): void {
    if (!(error instanceof LeaseLostError)) {
      this.#telling.warning(error, "leases_not_extended", "leases not extended, trying again");
    } else if (!this.#lost.has(jobId)) {
      this.#lost.add(jobId);
      const what = `the lease of job ${String(jobId)} is lost: another worker or an operator has taken it`;
      this.#telling.line("warn", "lease_lost", what, { job_id: jobId });
      this.#telling.hear(error);
    }
  }

  async #retain(): Promise<void> {
    try {
      await this.#inbox.call("knocker_retain");
    } catch (error) {
      if (!this.#stopping) this.#telling.error(error);
    }
  }

  async #release(): Promise<void> {
    let released = 0;
    try {
      released = await releaseAll(this.#inbox, this.#lanes);
    } catch (error) {
      // Nothing is lost: another worker takes them.
      this.#telling.warning(error, "leases_kept", "leases not given back, they run out");
    }
    this.#telling.line("info", "worker_stopped", `worker ${this.name} stopped`, { released });
  }
}

/** Gives back what is leased and was not begun, and says how much. */
export async function releaseAll<Db extends object>(
  inbox: RqliteInbox<Db>,
  lanes: readonly { readonly worker: string }[],
): Promise<number> {
  const now = inbox.now();
  const released = await inbox.ask(
    "write",
    VERDICT_PATIENCE_MS,
    lanes.map(({ worker }) => callOf("knocker_release", worker, now)),
  );
  return released.reduce((sum, rows) => sum + (firstOf(rows) as number), 0);
}
