/** The queue worked off at once, for tests of an application. */

import { randomBytes } from "node:crypto";

import { type AttemptEnd, AttemptRunner } from "./attempt.js";
import { claimOn, tellLost } from "./claim.js";
import type { Row } from "./driver.js";
import { knockerError } from "./errors.js";
import type { Event } from "./event.js";
import { Hooks, INTERNALS } from "./hooks.js";

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

/** Jobs that one drain runs at most: a handler that makes new events for itself would never end. */
const LIMIT = 10_000;

/** As a worker's. The clock of a test stands still, unless a handler moves it. */
const LEASE_S = 60;

/**
 * Runs everything that is due now, in this call, until a handler closes the hooks. Retries that are due later stay: move the clock and drain again. The
 * `onError` and `onDead` of `open` are told as by a worker.
 * @throws Error after 10,000 jobs.
 */
export async function drain<Tx extends object>(hooks: Hooks<Tx>): Promise<Drained> {
  if (!(hooks instanceof Hooks)) throw knockerError("usage", "drain(hooks): takes what open() or attach() returned");
  const { inbox, endpoints } = hooks[INTERNALS];
  inbox.requireOpen();
  const worker = `drain:${process.pid}:${randomBytes(4).toString("hex")}`;
  const drained: Drained = { handled: 0, failed: 0, dead: 0, ignored: 0, leaseLost: 0, unwritten: 0, attempts: [], errors: [] };
  const telling = inbox.telling.hearing((error, event) => void drained.errors.push({ error, event }));
  const names = [...endpoints.values()].filter(({ handlers }) => !handlers.empty).map(({ name }) => name);
  const filter = JSON.stringify({ endpoints: names });
  const control = inbox.connect();
  const runner = new AttemptRunner(inbox, worker, telling);
  let closing = false;
  let ended = (): void => {};
  const end = new Promise<void>((resolve) => (ended = resolve));
  // A handler may close the hooks: it comes to its end first.
  const forget = inbox.onClose(() => {
    closing = true;
    return end;
  });

  async function next(): Promise<Row | undefined> {
    const { claimed, lost } = await inbox.whenWritable(inbox.busyTimeoutMs, () =>
      control.use((connection) => claimOn(connection, { worker, limit: 1, leaseS: LEASE_S, filter, now: inbox.now() })),
    );
    tellLost(telling, lost);
    if (claimed === 0) return undefined;
    // The last one: a job whose result could not be written is still leased.
    return control.connection.all("SELECT * FROM knocker_jobs WHERE worker = ?", worker).at(-1);
  }

  try {
    for (let job; !closing && (job = await next());) {
      if (drained.attempts.length === LIMIT) throw new Error(`drain: ${LIMIT} jobs ran and more are due`);
      const handlers = endpoints.get(job["endpoint"] as string)!.handlers.for(job["type"] as string | null);
      const status = await runner.run(job, handlers);
      drained[status === "lease_lost" ? "leaseLost" : status] += 1;
      drained.attempts.push({ eventId: job["event_id"] as number, status });
    }
    return drained;
  } finally {
    try {
      await inbox.whenWritable(inbox.busyTimeoutMs, () => control.connection.get("SELECT knocker_release(?, ?)", worker, inbox.now()));
    } catch (error) {
      // Whatever ended the drain is the error to tell, and the lease ends by itself.
      drained.errors.push({ error, event: undefined });
    }
    runner.close();
    control.close();
    forget();
    ended();
  }
}
