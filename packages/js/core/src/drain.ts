/** The queue worked off at once, for tests of an application. */

import { randomBytes } from "node:crypto";

import { type AttemptEnd, AttemptRunner } from "./attempt.js";
import { BatchRunner } from "./batch-runner.js";
import { checkObject, FLAG, type Shape } from "./check.js";
import { ClaimGrowth } from "./claim-growth.js";
import { claimOn, tellLost } from "./claim.js";
import type { Row } from "./driver.js";
import { knockerError } from "./errors.js";
import type { Event } from "./event.js";
import { Hooks, INTERNALS } from "./hooks.js";
import { RqliteInbox } from "./rqlite/inbox.js";
import { Lane } from "./rqlite/lane.js";
import { releaseAll } from "./rqlite/worker.js";
import type { Endpoint } from "./endpoint.js";
import type { Telling } from "./telling.js";

/** How an end is counted: by its name as JavaScript writes it. */
type DrainedEnd = Exclude<AttemptEnd, "lease_lost"> | "leaseLost";

/** One attempt of a drain. */
export interface Attempted {
  eventId: number;
  status: AttemptEnd;
}

/** What `drain` did: how many attempts came to each end. */
export interface Drained extends Record<DrainedEnd, number> {
  /** Each attempt, in order. */
  attempts: Attempted[];
  /** What handlers threw, in order. */
  errors: { error: unknown; event: Event | undefined }[];
}

/** How to drain. */
export interface DrainOptions {
  /** As a worker's. Default true. */
  shareCommits?: boolean;
}

const DRAIN_OPTIONS: Shape = { shareCommits: FLAG };

/** Jobs that one drain runs at most: a handler that makes new events for itself would never end. */
const LIMIT = 10_000;

/** As a worker's. The clock of a test stands still, unless a handler moves it. */
const LEASE_S = 60;

/**
 * Runs everything that is due now, in this call, until a handler closes the hooks. Retries that are due later stay: move the clock and drain again. The
 * `onError` and `onDead` of `open` are told as by a worker.
 * @throws Error after 10,000 jobs.
 */
export async function drain<Tx extends object>(hooks: Hooks<Tx>, options: DrainOptions = {}): Promise<Drained> {
  checkObject("drain(hooks, options)", options, DRAIN_OPTIONS);
  if (!(hooks instanceof Hooks)) throw knockerError("usage", "drain(hooks): takes what open() or attach() returned");
  const { inbox, endpoints } = hooks[INTERNALS];
  inbox.requireOpen();
  const worker = `drain:${process.pid}:${randomBytes(4).toString("hex")}`;
  const drained: Drained = { handled: 0, failed: 0, dead: 0, ignored: 0, leaseLost: 0, unwritten: 0, attempts: [], errors: [] };
  const telling = inbox.telling.with({}, worker).hearing((error, event) => void drained.errors.push({ error, event }));
  const names = [...endpoints.values()].filter(({ handlers }) => !handlers.empty).map(({ name }) => name);
  const filter = JSON.stringify({ endpoints: names });
  if (inbox instanceof RqliteInbox) return drainNodes(inbox, endpoints, worker, telling, drained);
  const control = inbox.connect();
  const runner = new BatchRunner(inbox, new AttemptRunner(inbox, worker, telling));
  let closing = false;
  let ended = (): void => {};
  const end = new Promise<void>((resolve) => (ended = resolve));
  // A handler may close the hooks: it comes to its end first.
  const forget = inbox.onClose(() => {
    closing = true;
    return end;
  });

  const growth = new ClaimGrowth();
  const unwritten = new Set<unknown>();

  async function claimed(): Promise<Row[]> {
    const limit = growth.wanted(1);
    const { claimed, lost } = await inbox.whenWritable(inbox.busyTimeoutMs, () =>
      control.use((connection) => claimOn(connection, { worker, limit, leaseS: LEASE_S, filter, now: inbox.now() })),
    );
    growth.claimed(claimed);
    tellLost(telling, lost);
    if (claimed === 0) return [];
    const leased = control.connection.all("SELECT * FROM knocker_jobs WHERE worker = ? ORDER BY job_id", worker);
    return leased.filter(({ job_id }) => !unwritten.has(job_id));
  }

  try {
    for (let ready: Row[] = []; !closing;) {
      if (ready.length === 0) ready = await claimed();
      if (ready.length === 0) break;
      const wanted = ready.map((job) => ({
        job,
        handlers: endpoints.get(job["endpoint"] as string)!.handlers.for(job["type"] as string | null),
      }));
      const room = LIMIT - drained.attempts.length;
      if (room === 0) throw new Error(`drain: ${LIMIT} jobs ran and more are due`);
      const ended = await runner.runBatch(wanted.slice(0, room), () => !closing, options.shareCommits ?? true);
      ready = ready.slice(ended.length);
      for (const { job, end, tookMs } of ended) {
        growth.took(tookMs);
        if (end === "unwritten") unwritten.add(job["job_id"]);
        drained[end === "lease_lost" ? "leaseLost" : end] += 1;
        drained.attempts.push({ eventId: job["event_id"] as number, status: end });
      }
    }
    return drained;
  } finally {
    try {
      await inbox.whenWritable(inbox.busyTimeoutMs, () => control.connection.get("SELECT knocker_release(?, ?)", worker, inbox.now()));
    } catch (error) {
      // Whatever ended the drain is the error to throw, and nothing is lost.
      telling.warning(error, "leases_kept", "leases not given back, they run out");
    }
    runner.close();
    control.close();
    forget();
    ended();
  }
}

/** The same on the nodes of a cluster: one job after the other. */
async function drainNodes<Tx extends object>(
  inbox: RqliteInbox<Tx>,
  endpoints: ReadonlyMap<string, Endpoint<Tx>>,
  worker: string,
  telling: Telling,
  drained: Drained,
): Promise<Drained> {
  let closing = false;
  let ended = (): void => {};
  const end = new Promise<void>((resolve) => (ended = resolve));
  const forget = inbox.onClose(() => {
    closing = true;
    return end;
  });
  const lane = new Lane({ inbox, endpoints, leaseS: LEASE_S, telling, owner: worker, told: new Set(), since: undefined }, worker);
  try {
    for (let next = await lane.take(); next !== null && typeof next === "object"; next = await lane.take()) {
      if (drained.attempts.length === LIMIT) throw new Error(`drain: ${LIMIT} jobs ran and more are due`);
      const end = await lane.attempt(next);
      drained[end === "lease_lost" ? "leaseLost" : end] += 1;
      drained.attempts.push({ eventId: next["event_id"] as number, status: end });
      if (closing) break;
    }
    return drained;
  } finally {
    await releaseAll(inbox, [lane]).finally(() => {
      forget();
      ended();
    });
  }
}
