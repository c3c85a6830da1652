/** For tests of an application: signed requests, a clock that stands still, and the queue worked off at once. */

import { randomBytes } from "node:crypto";

import type { Connection } from "./driver.js";
import type { Event } from "./event.js";
import { JobRunner, type JobOutcome } from "./job.js";
import { INTERNALS, type Knocker } from "./knocker.js";
import { whenWritable } from "./lock.js";
import { bodyForSql, type IncomingRequest, requestForSql } from "./receive.js";

/** A clock for `open(path, { now: clock })`. */
export interface FrozenClock {
  /** The time in Unix milliseconds. */
  (): number;
  /** Moves it on by so many milliseconds. */
  advanceMs(durationMs: number): void;
  /** Sets it. */
  set(time: Date | number): void;
}

/** A clock that stands still until it is moved. Starts at 2026-01-01T00:00:00Z unless told otherwise. */
export function frozenClock(start: Date | number = Date.UTC(2026, 0, 1)): FrozenClock {
  let time = Number(start);
  return Object.assign(() => time, {
    advanceMs: (durationMs: number) => void (time += durationMs),
    set: (to: Date | number) => void (time = Number(to)),
  });
}

/** What to sign besides the body. */
export interface SignOptions {
  /** Default `"POST"`. */
  method?: string;
  /** The URL as the provider knows it. Default `"/"`. */
  url?: string;
  /** Headers of the request; the signature's are added. A content type of JSON is assumed. */
  headers?: Record<string, string>;
  /** Options of the provider, as the endpoint has them. */
  options?: Record<string, unknown>;
  /** The time of signing in Unix milliseconds. Default: the system's clock. */
  now?: number;
}

/** A request as the provider would send it: for `endpoint.receive`, `fetch` and every HTTP client. */
export interface SignedRequest extends IncomingRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: Uint8Array | string;
}

/** Signs on any connection that has the library. */
export function signOn(
  connection: Connection<object>,
  provider: string,
  body: Uint8Array | string | object,
  secret: string,
  options: SignOptions = {},
): SignedRequest {
  const { method = "POST", url = "/", headers = {}, now = null } = options;
  const bytes = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  const request: SignedRequest = { method, url, headers: { "content-type": "application/json", ...headers }, body: bytes };
  const row = connection.get(
    "SELECT knocker_sign(?, ?, ?, ?, ?, ?) AS signed",
    provider,
    JSON.stringify(options.options ?? {}),
    requestForSql(request),
    bodyForSql(bytes),
    secret,
    now,
  );
  const signed = JSON.parse(row!["signed"] as string) as { headers: Record<string, string>; url: string | null; body: string | null };
  return {
    ...request,
    url: signed.url ?? url,
    body: signed.body ?? bytes,
    headers: { ...request.headers, ...signed.headers },
  };
}

/** How an outcome is counted: by its name as JavaScript writes it. */
type DrainedOutcome = Exclude<JobOutcome, "lease_lost"> | "leaseLost";

/** What `drain` did: how many attempts came to each outcome. */
export interface Drained extends Record<DrainedOutcome, number> {
  /** What handlers threw, in order. */
  errors: { error: unknown; event: Event | undefined }[];
}

/** Jobs that one drain runs at most: a handler that makes new events for itself would never end. */
const DRAIN_LIMIT = 10_000;

/**
 * Runs everything that is due now, in this call. Retries that are due later stay: move the clock and drain again.
 * @throws Error after 10,000 jobs.
 */
export async function drain<Tx extends object>(hooks: Knocker<Tx>): Promise<Drained> {
  const { session, endpoints } = hooks[INTERNALS];
  const worker = `drain:${process.pid}:${randomBytes(4).toString("hex")}`;
  const drained: Drained = { handled: 0, failed: 0, dead: 0, ignored: 0, leaseLost: 0, unwritten: 0, errors: [] };
  const runner = new JobRunner(session, worker, (error, event) => void drained.errors.push({ error, event }));
  const names = [...endpoints.values()].filter(({ handlers }) => !handlers.empty).map(({ name }) => name);
  const filter = JSON.stringify({ endpoints: names });
  try {
    for (let count = 0; ; count++) {
      if ((await session.call("knocker_claim", worker, 1, 3600, filter)) === 0) return drained;
      if (count === DRAIN_LIMIT) throw new Error(`drain: ${DRAIN_LIMIT} jobs ran and more are due`);
      const job = session.all("SELECT * FROM knocker_jobs WHERE worker = ?", worker)[0]!;
      const handlers = endpoints.get(job["endpoint"] as string)!.handlers.for(job["type"] as string | null);
      const outcome = await runner.run(job, handlers);
      drained[outcome === "lease_lost" ? "leaseLost" : outcome] += 1;
    }
  } finally {
    await whenWritable(session.lock, session.busyTimeoutMs, () => session.callSync("knocker_release", worker));
    runner.close();
  }
}
