/** The worker: claims due jobs and runs their handlers, beside whatever else this thread does. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import { between, checkObject, FLAG, FUNCTION, type Shape } from "./check.js";
import type { Connection, Row } from "./driver.js";
import type { Endpoint } from "./endpoint.js";
import { BusyError, LeaseLostError } from "./errors.js";
import { AttemptRunner } from "./attempt.js";
import { BatchRunner } from "./batch-runner.js";
import { ClaimGrowth } from "./claim-growth.js";
import { claimOn, tellLost, type Claimed } from "./claim.js";
import { GivingWay } from "./giving-way.js";
import type { Handler } from "./handlers.js";
import type { Link } from "./link.js";
import { isInHandlerOf } from "./running.js";
import type { Inbox } from "./inbox.js";
import type { Ended } from "./shared-attempts.js";
import { MOST_EVENTS } from "./shared-commit.js";
import { factsOf, type OnDead, type OnError, said, type Telling } from "./telling.js";
import { CommitWatch } from "./watch.js";

/** How a worker works. Values that make no sense are refused with a `UsageError`. */
export interface WorkOptions {
  /** How many events are handled at the same time, each on a connection of its own. Default 1. */
  concurrency?: number;
  /** Stops the worker, as `stop()` does. */
  signal?: AbortSignal;
  /** How long a job is leased, in seconds, 1 to 86400; extended while its handler runs. Default 60. */
  leaseS?: number;
  /** Whether quick handlers of a backlog share a commit, see docs/shared-commits.md. Default true. */
  shareCommits?: boolean;
  /** How often the file is looked at for what other processes committed, where the system does not tell of it, in milliseconds. Default 4; of nodes of rqlite 1000. */
  pollMs?: number;
  /** Told of what failed, instead of the `onError` of `open`. */
  onError?: OnError;
  /** Told of events that are dead now, instead of the `onDead` of `open`. */
  onDead?: OnDead;
}

/** A lease's bounds are those of `knocker_claim`; more handlers at the same time than a claim can take would never be used. */
export const WORK_OPTIONS: Shape = {
  concurrency: between(1, 10_000),
  signal: { what: "an AbortSignal", allows: (value) => value instanceof AbortSignal },
  leaseS: between(1, 86_400),
  shareCommits: FLAG,
  pollMs: {
    what: "a number of milliseconds above 0, at most a minute",
    allows: (value) => (value as number) > 0 && (value as number) <= 60_000,
  },
  onError: FUNCTION,
  onDead: FUNCTION,
};

/** How often a worker asks whether a retention pass is due, in milliseconds. */
export const RETENTION_EVERY_MS = 60_000;

/** Pause after the database failed, in milliseconds. */
export const FAILURE_PAUSE_MS = 1000;

/** How long a worker has had nothing to do, in milliseconds; 0 while it has. For who gives it its file. */
export const IDLE_MS = Symbol("knocker idle");

/** A running worker. */
export class Worker<Db extends object> {
  /** The name of its leases: different for each worker. */
  readonly name = `${hostname()}:${process.pid}:${randomBytes(4).toString("hex")}`;
  /** Settles when the worker has stopped. */
  readonly done: Promise<void>;
  readonly #inbox: Inbox<Db>;
  readonly #endpoints: ReadonlyMap<string, Endpoint<Db>>;
  readonly #control: Link<Db>;
  readonly #idle: BatchRunner<Db>[] = [];
  /** Those that run now, and on what. */
  readonly #running = new Map<number, BatchRunner<Db>>();
  /** They settle when their runner is free again. */
  readonly #batches = new Set<Promise<void>>();
  /** Attempts whose result could not be written: their leases must run out before they are claimed again. */
  readonly #unfinished = new Map<number, number>();
  /** Jobs may be leased that have not been started: one that was claimed together with the result of another, or more than there were handlers free for. */
  #claimedAhead = false;
  /** Jobs that are leased and not started, as far as they have been read. */
  #ready: Row[] = [];
  readonly #givingWay: GivingWay;
  /** How many commits it has made. */
  #commits = 0;
  readonly #growth = new ClaimGrowth();
  readonly #leaseS: number;
  readonly #shareCommits: boolean;
  readonly #pollMs: number;
  #watch: CommitWatch;
  /** The file that is watched. */
  #generation: number;
  readonly #telling: Telling;
  readonly #forget: (() => void)[] = [];
  #wake: (() => void) | undefined;
  /** Looks for a commit and says whether there was one; only while the worker waits for it. */
  #look: (() => boolean) | undefined;
  /** Something was announced since the last look at the queue. */
  #news = false;
  #stopping = false;
  #givenUp = false;
  #extending = false;
  #busyToldAt = -Infinity;
  /** Since when it has found nothing due; undefined while it has something to do. */
  #restsSince: number | undefined;
  /** How much it matters that it starts and stops: one of many turns does not. */
  readonly #level: "debug" | "info";
  /** Those of the jobs that run here whose leases are lost, as far as that has been noticed and told. */
  readonly #lost = new Set<number>();
  /** All leases held were extended then, or later. */
  #extendedAt: number;
  /** Handlers start one a turn of the event loop, so that their commits never add up. */
  #turn: Promise<void> = Promise.resolve();

  constructor(inbox: Inbox<Db>, endpoints: ReadonlyMap<string, Endpoint<Db>>, options: WorkOptions = {}, level: "debug" | "info" = "info") {
    checkObject("work(options)", options, WORK_OPTIONS);
    const { concurrency = 1, signal, leaseS = 60, shareCommits = true, pollMs = 4, onError, onDead } = options;
    this.#inbox = inbox;
    this.#level = level;
    this.#endpoints = endpoints;
    this.#leaseS = leaseS;
    this.#shareCommits = shareCommits;
    this.#extendedAt = inbox.now() ?? Date.now();
    this.#pollMs = pollMs;
    this.#telling = inbox.telling.with({ onError, onDead }, this.name);
    // Leases are synced as everything else: frames of the log that no sync covers would be a hole in it after one that failed.
    this.#control = inbox.connect();
    this.#generation = inbox.generation;
    // What is received here waits for nobody: its connection does not count it among what others write.
    const version = () => dataVersion(inbox.connection);
    const isHeld = () => this.#isHeldElsewhere();
    this.#givingWay = new GivingWay({ nowMs: () => inbox.paces.nowMs(), version, own: () => this.#commits, isHeld });
    this.#watch = this.#watched();
    this.#forget.push(() => this.#watch.close());
    // A database in memory has one connection, which handlers must not share.
    const runners = inbox.inMemory ? 1 : concurrency;
    try {
      for (let index = 0; index < runners; index++) this.#idle.push(this.#runner());
    } catch (error) {
      // Nobody gets a worker that could be stopped.
      this.#watch.close();
      this.#closeConnections();
      throw error;
    }
    this.#forget.push(inbox.onCommit(() => this.#notify()));
    this.#forget.push(inbox.onClose(() => this.#stop()));
    this.#forget.push(inbox.onReload(() => this.#giveUp()));
    const heartbeat = setInterval(() => void this.#extendAll(), (leaseS * 1000) / 3);
    this.#forget.push(() => clearInterval(heartbeat));
    const tidy = setInterval(() => void this.#retain(), RETENTION_EVERY_MS);
    this.#forget.push(() => clearInterval(tidy));
    const abort = () => void this.stop();
    signal?.addEventListener("abort", abort, { once: true });
    this.#forget.push(() => signal?.removeEventListener("abort", abort));
    if (signal?.aborted) this.#stopping = true;
    this.#telling.line(level, "worker_started", `worker ${this.name} started`, { concurrency });
    this.done = this.#work();
  }

  /**
   * Claims nothing more, lets the running handlers come to their end, and settles when all is given back. Called inside a handler of this worker it
   * settles at once: that handler would wait for itself.
   */
  async stop(): Promise<void> {
    const stopped = this.#stop();
    if (!isInHandlerOf(this.name)) await stopped;
  }

  get [IDLE_MS](): number {
    return this.#restsSince === undefined || this.#batches.size > 0 ? 0 : performance.now() - this.#restsSince;
  }

  #stop(): Promise<void> {
    this.#stopping = true;
    this.#notify();
    return this.done;
  }

  /** Gives back at once what runs here: its handlers find their leases lost. */
  #giveUp(): void {
    this.#stopping = this.#givenUp = true;
    try {
      this.#control.connection.get("SELECT knocker_release(?, ?)", this.name, this.#inbox.now());
    } catch {
      // Another process writes: the leases run out, since nobody extends them any more.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #work(): Promise<void> {
    // Handlers that are registered in this turn of the event loop are seen.
    await new Promise((resolve) => setImmediate(resolve));
    void this.#retain();
    while (!this.#stopping) {
      try {
        await this.#round();
      } catch (error) {
        const busy = error instanceof BusyError;
        if (busy) this.#tellBusy(error);
        else this.#telling.error(error);
        await this.#sleep(busy ? this.#pollMs : FAILURE_PAUSE_MS);
      }
    }
    await Promise.all(this.#batches);
    await this.#leave();
  }

  /** It tries again much more often than anybody wants to read of. One that is stopping does not try again. */
  #tellBusy(error: BusyError): void {
    const now = performance.now();
    if (this.#stopping || now - this.#busyToldAt < FAILURE_PAUSE_MS) return;
    this.#busyToldAt = now;
    this.#telling.line("warn", "database_busy", `the database is busy, the worker tries again: ${said(error)}`, factsOf(error));
  }

  /** One look at the queue, and what follows from it. */
  async #round(): Promise<void> {
    if (this.#idle.length === 0) return this.#sleep(Infinity);
    this.#news = false;
    this.#inbox.requireFile();
    if (this.#generation !== this.#inbox.generation) await this.#follow();
    // Read before the queue: what is committed after it is then noticed.
    const version = this.#dataVersion();
    const filter = this.#filter();
    if (this.#claimedAhead || this.#ready.length > 0) {
      if (this.#startLeased() > 0) return;
    }
    const due = this.#due(filter);
    if (due !== 0) {
      this.#restsSince ??= performance.now();
      return this.#sleep(due ?? Infinity, version);
    }
    this.#restsSince = undefined;
    this.#givingWay.look();
    const claimed = await this.#inbox.whenWritable(this.#inbox.busyTimeoutMs, () => this.#claim(JSON.stringify(filter)));
    this.#commits += 1;
    this.#givingWay.look();
    // Another worker was faster, or its lease is about to run out.
    if (claimed === 0 || this.#startLeased() === 0) await this.#sleep(this.#pollMs);
  }

  /** Goes on on the file that has taken the place of ours: its jobs have the same numbers, so those that run here come to their end first. */
  async #follow(): Promise<void> {
    const generation = this.#inbox.generation;
    this.#ready = [];
    await Promise.all(this.#batches);
    this.#ready = [];
    this.#unfinished.clear();
    this.#watch.close();
    this.#watch = this.#watched();
    this.#generation = generation;
  }

  /** Only endpoints that have handlers here: another process may have those of the others. */
  #filter(): { endpoints: string[] } {
    return { endpoints: [...this.#endpoints.values()].filter(({ handlers }) => !handlers.empty).map(({ name }) => name) };
  }

  /** Milliseconds until the next claim has something to do, while this worker holds what it holds. */
  #due(filter: { endpoints: string[] }): number | null {
    const due = JSON.stringify({ ...filter, worker: this.name });
    return this.#control.connection.get("SELECT knocker_next_due(?, ?) AS due", due, this.#inbox.now())!["due"] as number | null;
  }

  #claim(filter: string): number {
    const { claimed, lost } = this.#control.use((connection) => this.#claimOn(connection, this.#wanted(this.#idle.length), filter));
    tellLost(this.#telling, lost);
    return claimed;
  }

  #claimOn(connection: Connection<Db>, limit: number, filter: string): Claimed {
    const claim = { worker: this.name, limit, leaseS: this.#leaseS, filter, now: this.#inbox.now() };
    const claimed = claimOn(connection, claim, () => this.#extendHeld(connection));
    this.#growth.claimed(claimed.claimed);
    return claimed;
  }

  /** How many to claim where so many are needed: more only where they can share a commit. */
  #wanted(needed: number): number {
    return this.#shareCommits && !this.#inbox.inMemory ? this.#growth.wanted(needed) : needed;
  }

  /**
   * A connection for handlers. With the result on one job it leases the next: a claim that is synced costs as much as a receipt, and so it costs nothing. If the
   * commit fails, neither is there.
   */
  #runner(): BatchRunner<Db> {
    const claimNext = (connection: Connection<Db>) => {
      // What is leased already comes first.
      if (this.#stopping || this.#inbox.inMemory || this.#ready.length > 0 || this.#claimedAhead) return () => {};
      try {
        const { claimed, lost } = this.#claimOn(connection, this.#wanted(1), JSON.stringify(this.#filter()));
        return () => {
          if (claimed > 0) this.#claimedAhead = true;
          tellLost(this.#telling, lost);
        };
      } catch (error) {
        // The result is what matters here; the next round claims again and reports the same.
        if (!connection.inTransaction) throw error;
        return () => {};
      }
    };
    return new BatchRunner(this.#inbox, new AttemptRunner(this.#inbox, this.name, this.#telling, claimNext), claimNext);
  }

  /** Starts what is leased, as far as there are handlers free, and says how many jobs there were: a handler may have claimed one while the worker did. */
  #startLeased(): number {
    if (this.#ready.length === 0) {
      // Also if they cannot be read now.
      this.#claimedAhead = true;
      this.#ready = this.#leased();
      this.#claimedAhead = false;
    }
    const jobs = this.#ready.length;
    while (this.#ready.length > 0 && this.#idle.length > 0) this.#start();
    return jobs;
  }

  /** The jobs that this worker has leased and not started. */
  #leased(): Row[] {
    const jobs = "SELECT * FROM knocker_jobs WHERE worker = ? AND job_id NOT IN (SELECT value FROM json_each(?))";
    const leased = this.#control.connection.all(jobs, this.name, JSON.stringify([...this.#running.keys()]));
    return leased.filter((job) => this.#unfinished.get(job["job_id"] as number) !== job["attempt"]);
  }

  /** Starts the first of the jobs that are ready, with those that may share its commit. */
  #start(): void {
    this.#restsSince = undefined;
    const runner = this.#idle.pop()!;
    const wanted = this.#ready.slice(0, MOST_EVENTS).map((job) => ({ job, handlers: this.#handlersOf(job) }));
    const first = wanted.slice(0, runner.size(wanted, this.#shareCommits));
    const jobs = this.#ready.splice(0, first.length);
    const batch = this.#nextTurn()
      .then(() => runner.runBatch(first, () => !this.#stopping, this.#shareCommits))
      .then((ended) => {
        for (const one of ended) this.#finished(one);
        const rest = jobs.slice(ended.length);
        for (const { job_id } of rest) this.#running.delete(job_id as number);
        if (this.#generation === this.#inbox.generation) this.#ready.unshift(...rest);
        this.#commits += 1;
        return this.#giveWay(runner.takeHeldMs());
      })
      .then(() => {
        this.#batches.delete(batch);
        this.#restsSince = undefined;
        this.#idle.push(runner);
        // A handler may have written what other workers wait for. This one looks again in any case.
        this.#inbox.announce();
      });
    this.#batches.add(batch);
    for (const { job_id } of jobs) this.#running.set(job_id as number, runner);
  }

  /** Leaves the lock alone where that is due. No other handler begins meanwhile. */
  #giveWay(heldMs: number): Promise<void> | undefined {
    const pauseMs = this.#givingWay.after(heldMs);
    if (pauseMs === 0 || this.#inbox.inMemory) return;
    this.#turn = this.#turn.then(async () => {
      this.#givingWay.look();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      this.#givingWay.paused();
    });
    return this.#turn;
  }

  /** Whether somebody outside of this thread holds the write lock. */
  #isHeldElsewhere(): boolean {
    if (this.#inbox.lock.heldByOther()) return false;
    try {
      const { connection } = this.#control;
      connection.get("BEGIN IMMEDIATE");
      connection.get("ROLLBACK");
      return false;
    } catch (error) {
      // Anything else is met by whatever that connection is used for next.
      return error instanceof BusyError;
    }
  }

  #handlersOf(job: Row): Handler<Db>[] {
    return this.#endpoints.get(job["endpoint"] as string)?.handlers.for(job["type"] as string | null) ?? [];
  }

  #finished({ job, end, tookMs }: Ended): void {
    const jobId = job["job_id"] as number;
    this.#growth.took(tookMs);
    if (end === "lease_lost" || end === "unwritten") this.#unfinished.set(jobId, job["attempt"] as number);
    else this.#unfinished.delete(jobId);
    // Its next attempt may be leased already: it was no news while this one stood among those that run.
    if (end === "failed") this.#claimedAhead = true;
    this.#running.delete(jobId);
    this.#lost.delete(jobId);
  }

  #nextTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#turn;
  }

  /**
   * A handler that blocks the event loop keeps all leases from being extended. The worker's own claim must not take what runs beside it, or waits for its
   * turn, for the jobs of a dead one.
   */
  #extendHeld(connection: Connection<Db>): void {
    if (this.#time() - this.#extendedAt <= this.#leaseS * 1000) return;
    for (const jobId of this.#held(connection)) this.#extend(connection, jobId);
    this.#extendedAt = this.#time();
  }

  #extend(connection: Connection<Db>, jobId: number): void {
    connection.get("SELECT knocker_extend(?, ?, ?, ?)", jobId, this.name, this.#leaseS, this.#inbox.now());
  }

  /** The jobs that this worker has leased, also those that were claimed with a verdict and not read yet. What ended without a verdict is left to its lease. */
  #held(connection: Connection<Db>): number[] {
    const jobs = connection.all("SELECT job_id, attempt FROM knocker_jobs WHERE worker = ?", this.name);
    const held = jobs.filter(({ job_id: jobId, attempt }) => this.#unfinished.get(jobId as number) !== attempt);
    return held.map(({ job_id: jobId }) => jobId as number);
  }

  /** Those of them that do not run yet. */
  #waiting(): number[] {
    try {
      return this.#held(this.#control.connection).filter((jobId) => !this.#running.has(jobId));
    } catch {
      return this.#ready.map(({ job_id: jobId }) => jobId as number);
    }
  }

  #time(): number {
    return this.#inbox.now() ?? Date.now();
  }

  async #extendAll(): Promise<void> {
    // The former pass may still wait for the lock.
    if (this.#extending || this.#givenUp) return;
    this.#extending = true;
    const now = this.#time();
    let all = true;
    for (const [jobId, { runner }] of this.#running) {
      try {
        await runner.extend(jobId, this.#leaseS, this.#control);
      } catch (error) {
        all = false;
        // One that was finished meanwhile is not lost.
        if (this.#running.has(jobId)) this.#notExtended(jobId, error);
      }
    }
    for (const jobId of this.#waiting()) {
      try {
        await this.#inbox.whenWritable(this.#inbox.busyTimeoutMs, () => this.#extend(this.#control.connection, jobId));
      } catch {
        // One that is lost is told by its result.
        all = false;
      }
    }
    this.#commits += 1;
    if (all) this.#extendedAt = now;
    this.#extending = false;
  }

  #notExtended(jobId: number, error: unknown): void {
    if (error instanceof BusyError) this.#telling.warning(error, "leases_not_extended", "leases not extended, trying again");
    else if (!(error instanceof LeaseLostError)) this.#telling.error(error);
    else if (!this.#lost.has(jobId)) {
      this.#lost.add(jobId);
      const what = `the lease of job ${jobId} is lost: another worker or an operator has taken it`;
      this.#telling.line("warn", "lease_lost", what, { job_id: jobId });
      this.#telling.hear(error);
    }
  }

  /** Runs the retention pass that is due, if any: in bounded pieces, so that receives come in between. */
  async #retain(): Promise<void> {
    try {
      for (let more = true; more && !this.#stopping;) {
        const result = (await this.#inbox.call("knocker_retain")) as string;
        more = (JSON.parse(result) as { more: boolean }).more;
      }
    } catch (error) {
      if (!(error instanceof BusyError) && !this.#stopping) this.#telling.error(error);
    }
  }

  async #leave(): Promise<void> {
    for (const forget of this.#forget) forget();
    let released = 0;
    try {
      const sql = "SELECT knocker_release(?, ?) AS released";
      const release = () => this.#control.connection.get(sql, this.name, this.#inbox.now())!["released"] as number;
      released = await this.#inbox.whenWritable(this.#inbox.busyTimeoutMs, release);
    } catch (error) {
      // Nothing is lost: another worker takes them.
      this.#telling.warning(error, "leases_kept", "leases not given back, they run out");
    }
    this.#telling.line(this.#level, "worker_stopped", `worker ${this.name} stopped`, { released });
    this.#closeConnections();
  }

  #closeConnections(): void {
    for (const runner of this.#idle) runner.close();
    this.#control.close();
  }

  #watched(): CommitWatch {
    return new CommitWatch(this.#inbox.file, this.#pollMs, () => this.#look?.() ?? true);
  }

  #dataVersion(): number {
    return dataVersion(this.#control.connection);
  }

  #notify(): void {
    this.#news = true;
    this.#wake?.();
  }

  /** Settles after `limitMs`, at an announcement of this process, or when another connection has committed since `version`. */
  #sleep(limitMs: number, version?: number): Promise<void> {
    if (this.#news || this.#stopping) {
      this.#news = false;
      // The loop must not spin without letting the rest of the program run.
      return new Promise((resolve) => setImmediate(resolve));
    }
    return new Promise((resolve) => {
      const end = performance.now() + limitMs;
      const wake = () => {
        clearInterval(timer);
        this.#wake = this.#look = undefined;
        resolve();
      };
      const changed = () => version !== undefined && this.#changed(version);
      const look = () => {
        if (changed()) this.#watch.missed();
        else if (performance.now() < end) return;
        wake();
      };
      const pause = version === undefined ? FAILURE_PAUSE_MS : this.#watch.pollMs;
      const timer = setInterval(look, Math.min(limitMs, pause));
      this.#wake = wake;
      this.#look = () => {
        if (!changed()) return false;
        this.#watch.told();
        wake();
        return true;
      };
    });
  }

  #changed(version: number): boolean {
    try {
      return this.#dataVersion() !== version;
    } catch {
      // The next round meets the same failure and reports it.
      return true;
    }
  }
}

/** Another number when another connection has committed something. */
function dataVersion(connection: Connection<unknown>): number {
  return connection.get("PRAGMA data_version")!["data_version"] as number;
}
