/** The worker of many files. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import { checkObject } from "./check.js";
import type { Driver } from "./driver.js";
import { BusyError, FileReplacedError, UnknownTenantError } from "./errors.js";
import { type Hooks, INTERNALS } from "./hooks.js";
import { logOf } from "./log.js";
import type { OpenOptions } from "./options.js";
import { isInHandlerOf } from "./running.js";
import { Telling } from "./telling.js";
import { ChangedFiles, dueOn, TenantLook } from "./tenant-look.js";
import { isFile, type TenantPattern } from "./tenant-pattern.js";
import type { TenantPool } from "./tenant-pool.js";
import { type ScheduledTenant, TenantSchedule } from "./tenant-schedule.js";
import { IDLE_MS, WORK_OPTIONS, Worker, type WorkOptions } from "./worker.js";

/** How often it is asked what has changed, and who is idle, in milliseconds. */
const TICK_MS = 10;

/** How often a failure that goes on is told, in milliseconds. */
const TOLD_EVERY_MS = 60_000;

/** How long a file keeps its place at least where others wait, and for nothing where none does, in milliseconds. */
const TURN_MS = 1000;
const IDLE_LIMIT_MS = 1000;

/** @throws UsageError where an option of `work` cannot be meant. */
export function checkWork(options: WorkOptions): void {
  checkObject("work(options)", options, WORK_OPTIONS);
}

/** What a worker of many files is made of. */
export interface TenantsWork<Tx extends object> {
  pattern: TenantPattern;
  pool: TenantPool<Tx>;
  driver: Driver<Tx>;
  maxOpen: number;
  options: OpenOptions;
  work: WorkOptions;
  /** How often every file is looked at whatever is known of it, in milliseconds. */
  tourMs?: number | undefined;
}

/** One file's time with a worker. */
interface Turn<Tx extends object> {
  readonly tenant: ScheduledTenant;
  readonly began: number;
  worker?: Worker<Tx>;
  isOver: boolean;
}

/** A running worker of many files: gives each that has something due a worker of its own for a while. */
export class TenantsWorker<Tx extends object> {
  readonly name = `${hostname()}:${process.pid}:${randomBytes(4).toString("hex")}`;
  /** Settles when the worker has stopped. */
  readonly done: Promise<void>;
  readonly #of: TenantsWork<Tx>;
  readonly #schedule: TenantSchedule;
  readonly #changes: ChangedFiles;
  readonly #telling: Telling;
  readonly #turns = new Set<Turn<Tx>>();
  /** Connections that are kept to look again. */
  readonly #looks = new Map<ScheduledTenant, TenantLook>();
  readonly #retaining = new Set<Promise<void>>();
  #isStopping = false;
  #timer: NodeJS.Timeout | undefined;
  #next: NodeJS.Immediate | undefined;
  #seenAt = performance.now();
  #untold = -Infinity;
  #settle: () => void = () => {};

  constructor(of: TenantsWork<Tx>) {
    this.#of = of;
    const { onError = of.options.onError, onDead = of.options.onDead } = of.work;
    this.#telling = new Telling(logOf(of.options.logger), { onError, onDead });
    this.#schedule = new TenantSchedule((name) => of.pattern.path(name), of.tourMs);
    this.#changes = new ChangedFiles(of.driver as Driver<object>, of.pattern.text, of.options.extension);
    const ticks = setInterval(() => this.#tick(), TICK_MS);
    const abort = () => void this.stop();
    of.work.signal?.addEventListener("abort", abort, { once: true });
    this.done = new Promise<void>((resolve) => (this.#settle = resolve)).then(() => {
      clearInterval(ticks);
      of.work.signal?.removeEventListener("abort", abort);
      for (const look of this.#looks.values()) look.close();
      this.#changes.close();
      this.#tell("worker_stopped", "stopped");
    });
    this.#tell("worker_started", "started", { concurrency: of.work.concurrency ?? 1 });
    if (of.work.signal?.aborted) void this.stop();
    else this.#tick();
  }

  /** Begins nothing more, lets the running handlers come to their end, and settles when all is given back. Called inside a handler of this worker it settles at once. */
  async stop(): Promise<void> {
    const isInHandler = this.isInHandler();
    if (!this.#isStopping) {
      this.#isStopping = true;
      clearTimeout(this.#timer);
      clearImmediate(this.#next);
      for (const turn of this.#turns) this.#end(turn);
      void this.#ended();
    }
    if (!isInHandler) await this.done;
  }

  /** Whether this is called from inside one of its handlers, which would wait for itself. */
  isInHandler(): boolean {
    return [...this.#turns].some(({ worker }) => worker !== undefined && isInHandlerOf(worker.name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #tell(record: string, what: string, fields: Record<string, unknown> = {}): void {
    this.#telling.line("info", record, `worker ${this.name} of ${this.#of.pattern.text} ${what}`, { worker: this.name, ...fields });
  }

  /** Settles `done` once nothing runs any more. */
  async #ended(): Promise<void> {
    await Promise.all([...this.#retaining]);
    if (this.#turns.size === 0) this.#settle();
  }

  #tick(): void {
    if (this.#isStopping) return;
    try {
      const now = performance.now();
      for (const path of this.#changes.next()) {
        const name = this.#of.pattern.tenantOf(path);
        if (name !== undefined) this.#schedule.changed(name, now);
      }
    } catch (error) {
      // The tours go on without it. It comes with each tick, and is told once in a while.
      const now = performance.now();
      if (now >= this.#untold) {
        this.#untold = now + TOLD_EVERY_MS;
        this.#telling.error(error, "worker_failed", { worker: this.name });
      }
    }
    this.#act();
  }

  /** Does what is to be done now: one look a turn of the event loop, so that the rest of the program runs on. */
  #act(): void {
    if (this.#isStopping) return;
    const now = performance.now();
    const next = this.#schedule.nextLook(now);
    if (next) {
      this.#look(next.tenant, next.isTour, now);
      this.#next ??= setImmediate(() => {
        this.#next = undefined;
        this.#act();
      });
    }
    this.#endTurns(now);
    while (this.#turns.size < this.#of.maxOpen) {
      const tenant = this.#schedule.nextTurn();
      if (!tenant) break;
      void this.#work(tenant, now);
    }
    // The looks that follow a change come in between the ticks.
    clearTimeout(this.#timer);
    const pauseMs = this.#schedule.earliest - now;
    if (pauseMs < TICK_MS) this.#timer = setTimeout(() => this.#act(), Math.max(1, pauseMs));
  }

  #look(tenant: ScheduledTenant, isTour: boolean, now: number): void {
    if (!isFile(tenant.path)) return this.#forget(tenant);
    try {
      const open = this.#of.pool.glance(tenant.name);
      if (open && !isTour) return this.#looked(tenant, dueOfOpen(open, tenant.endpoints), now);
      if (open) {
        const touring = this.#retainOpen(tenant, now).finally(() => this.#retaining.delete(touring));
        this.#retaining.add(touring);
        return;
      }
      const look = this.#looks.get(tenant) ?? new TenantLook(this.#of.driver as Driver<object>, tenant.path, this.#of.options);
      this.#looks.set(tenant, look);
      // On a tour all that waits is looked at: what is handled may be other than it was.
      const due = look.due(isTour ? undefined : tenant.endpoints, this.#now());
      if (!isTour) return this.#looked(tenant, due, now);
      const retaining = this.#retain(tenant, look, due, now).finally(() => this.#retaining.delete(retaining));
      this.#retaining.add(retaining);
    } catch (error) {
      this.#failed(tenant, error);
    }
  }

  #looked(tenant: ScheduledTenant, due: number | null, began: number): void {
    this.#schedule.looked(tenant, due, began, performance.now());
    if (!tenant.isAwaited || tenant.phase !== "resting" || this.#looks.size > this.#of.maxOpen) this.#close(tenant);
  }

  /** Runs the retention pass that is due in a file, if any, in pieces between which the rest of the program runs. */
  async #retain(tenant: ScheduledTenant, look: TenantLook, due: number | null, began: number): Promise<void> {
    try {
      while (!this.#isStopping && look.retain(this.#now())) await new Promise((resolve) => setImmediate(resolve));
      this.#looked(tenant, due, began);
    } catch (error) {
      this.#failed(tenant, error);
    }
  }

  /** The same through hooks that are open. */
  async #retainOpen(tenant: ScheduledTenant, began: number): Promise<void> {
    try {
      const due = await this.#of.pool.use(tenant.name, async (hooks) => {
        while (!this.#isStopping && (await hooks.retain()).more);
        return dueOfOpen(hooks, undefined);
      });
      this.#looked(tenant, due, began);
    } catch (error) {
      this.#failed(tenant, error);
    }
  }

  /** Works in a file until its turn is over. */
  async #work(tenant: ScheduledTenant, began: number): Promise<void> {
    const turn: Turn<Tx> = { tenant, began, isOver: false };
    this.#turns.add(turn);
    this.#close(tenant);
    try {
      const hooks = await this.#of.pool.work(tenant.name);
      try {
        const endpoints = handled(hooks);
        const due = endpoints.length === 0 ? null : await this.#workIn(hooks, turn, endpoints);
        this.#schedule.worked(tenant, endpoints, due, performance.now());
      } finally {
        await this.#of.pool.stopWork(tenant.name);
      }
    } catch (error) {
      this.#failed(tenant, error);
    }
    this.#turns.delete(turn);
    if (this.#isStopping) void this.#ended();
    else this.#act();
  }

  /** Says when something is due in the end. */
  async #workIn(hooks: Hooks<Tx>, turn: Turn<Tx>, endpoints: string[]): Promise<number | null> {
    const { inbox, endpoints: all } = hooks[INTERNALS];
    const { signal: _, ...options } = this.#of.work;
    if (!turn.isOver) {
      turn.worker = new Worker(inbox, all, options, "debug");
      await turn.worker.done;
    }
    return dueOfOpen(hooks, endpoints);
  }

  /** Takes places from those who have no use for them, and from those who had their turn where others wait. */
  #endTurns(now: number): void {
    const seesFiles = now - this.#seenAt > IDLE_LIMIT_MS;
    if (seesFiles) this.#seenAt = now;
    let waiting = this.#schedule.waiting;
    const running: { turn: Turn<Tx>; idleMs: number }[] = [];
    for (const turn of this.#turns) {
      if (turn.isOver) waiting -= 1;
      else if (!turn.worker) continue;
      else if (seesFiles && !isFile(turn.tenant.path)) this.#end(turn);
      else running.push({ turn, idleMs: turn.worker[IDLE_MS] });
    }
    // The idle ones first, then those who began first.
    running.sort((a, b) => b.idleMs - a.idleMs || a.turn.began - b.turn.began);
    for (const { turn, idleMs } of running) {
      const isOver = idleMs > IDLE_LIMIT_MS || (waiting > 0 && (idleMs > 0 || now - turn.began > TURN_MS));
      if (!isOver) continue;
      this.#end(turn);
      waiting -= 1;
    }
  }

  #end(turn: Turn<Tx>): void {
    turn.isOver = true;
    void turn.worker?.stop();
  }

  #failed(tenant: ScheduledTenant, error: unknown): void {
    this.#close(tenant);
    if (this.#isStopping) return;
    const isGone = error instanceof UnknownTenantError || (error instanceof FileReplacedError && !isFile(tenant.path));
    if (isGone) return this.#forget(tenant);
    // One that is replaced is opened once it is at rest.
    if (error instanceof BusyError || error instanceof FileReplacedError) return this.#schedule.busy(tenant, performance.now());
    const pauseMs = this.#schedule.failed(tenant, performance.now());
    this.#telling.tenantFailed(error, tenant.name, tenant.path, pauseMs);
  }

  #forget(tenant: ScheduledTenant): void {
    this.#close(tenant);
    this.#schedule.forget(tenant);
    this.#of.pool.drop(tenant.name, () => this.#of.pattern.hasLog(tenant.name));
  }

  #close(tenant: ScheduledTenant): void {
    this.#looks.get(tenant)?.close();
    this.#looks.delete(tenant);
  }

  #now(): number | null {
    return this.#of.options.now?.() ?? null;
  }
}

/** As a look does, through hooks that are open: where another file is at the path, they know what to do with the log of the former one, which a new connection would take for its own. */
function dueOfOpen<Tx extends object>(hooks: Hooks<Tx>, endpoints: readonly string[] | undefined): number | null {
  if (endpoints?.length === 0) return null;
  const { inbox } = hooks[INTERNALS];
  inbox.requireFile();
  return dueOn(inbox.connection, endpoints, inbox.now());
}

/** The endpoints that have handlers here. */
function handled<Tx extends object>(hooks: Hooks<Tx>): string[] {
  return [...hooks[INTERNALS].endpoints.values()].filter(({ handlers }) => !handlers.empty).map(({ name }) => name);
}
