/** Leases on jobs: what a worker does between a receipt and a result, call by call. Public for those who write a worker of their own. */

import { check, checkId, checkObject, SIZE, TEXT, WHOLE } from "./check.js";
import type { Row } from "./driver.js";
import { Event } from "./event.js";
import { CLAIM_FILTER, type ClaimFilter, FAILED_OPTIONS, type FailedOptions } from "./filters.js";
import type { Inbox } from "./inbox.js";
import { type Failure, readFailure } from "./records.js";
import { toSql } from "./members.js";
import { resultOf } from "./values.js";

/** A job that is leased to a worker, with the event that its handlers get. */
export interface Job {
  id: number;
  worker: string;
  leaseExpiresAt: Date;
  event: Event;
}

/** What is needed of an inbox: its driver's class does not matter here. */
type LeaseSource = Pick<Inbox<object>, "read" | "call" | "now">;

/** The jobs that are leased to a worker. The body comes last. */
export const JOBS = `
  SELECT job_id, worker, event_id, delivery_id, endpoint, type, key, attempt, max_attempts, lease_expires_at, received_at, method, url, headers, body
  FROM knocker_jobs WHERE worker = ? ORDER BY job_id`;

/** The job of a row of `knocker_jobs`. */
export function jobOf(row: Row): Job {
  return {
    id: row["job_id"] as number,
    worker: row["worker"] as string,
    leaseExpiresAt: new Date(row["lease_expires_at"] as number),
    event: new Event(row),
  };
}

/**
 * The queue as one worker sees it. Each result is durable when its promise settles, and refused with `LeaseLostError` where the lease is not this worker's any
 * more. To write it in one transaction with what a handler wrote, use the SQL functions of the same names on your own connection (`load`).
 */
export class Leases {
  /** A name that no other worker uses. */
  readonly worker: string;
  readonly #inbox: LeaseSource;

  /** Use `hooks.leases(worker)`. */
  constructor(inbox: LeaseSource, worker: string) {
    check("leases(worker)", "worker", worker, TEXT);
    this.#inbox = inbox;
    this.worker = worker;
  }

  /** Leases up to `limit` due jobs, the oldest first, and says how many. */
  async claim(limit: number, leaseS: number, filter: ClaimFilter = {}): Promise<number> {
    checkObject("claim", filter, CLAIM_FILTER);
    check("claim", "limit", limit, WHOLE);
    check("claim", "leaseS", leaseS, WHOLE);
    return (await this.#inbox.call("knocker_claim", this.worker, limit, leaseS, JSON.stringify(filter))) as number;
  }

  /** The jobs that are leased to this worker. */
  async jobs(): Promise<Job[]> {
    return (await this.#inbox.read(JOBS, this.worker)).map(jobOf);
  }

  /** The event is handled, and the job gone. */
  async handled(jobId: number, durationMs: number): Promise<void> {
    checkId("handled", "jobId", jobId);
    check("handled", "durationMs", durationMs, SIZE);
    await this.#inbox.call("knocker_handled", jobId, this.worker, durationMs);
  }

  /** The attempt failed: another one follows, unless the options or the number of attempts say otherwise. */
  async failed(jobId: number, error: string, durationMs: number, options: FailedOptions = {}): Promise<Failure> {
    checkId("failed", "jobId", jobId);
    check("failed", "durationMs", durationMs, SIZE);
    check("failed", "error", error, TEXT);
    checkObject("failed", options, FAILED_OPTIONS);
    const given = JSON.stringify(toSql("failed", options));
    return readFailure(resultOf(await this.#inbox.call("knocker_failed", jobId, this.worker, error, durationMs, given)));
  }

  /** The event is ignored. */
  async skipped(jobId: number, reason: string, durationMs: number): Promise<void> {
    checkId("skipped", "jobId", jobId);
    check("skipped", "durationMs", durationMs, SIZE);
    check("skipped", "reason", reason, TEXT);
    await this.#inbox.call("knocker_skipped", jobId, this.worker, reason, durationMs);
  }

  /** Extends a lease to so many seconds from now, and says when it runs out. */
  async extend(jobId: number, leaseS: number): Promise<Date> {
    checkId("extend", "jobId", jobId);
    check("extend", "leaseS", leaseS, WHOLE);
    return new Date((await this.#inbox.call("knocker_extend", jobId, this.worker, leaseS)) as number);
  }

  /** Gives back every lease of this worker, the attempts uncounted, and says how many. */
  async release(): Promise<number> {
    return (await this.#inbox.call("knocker_release", this.worker)) as number;
  }

  /** Milliseconds until the next claim of this worker has something to do: 0 for now, null where nothing waits. */
  async nextDueMs(filter: ClaimFilter = {}): Promise<number | null> {
    checkObject("nextDueMs", filter, CLAIM_FILTER);
    const given = JSON.stringify({ ...filter, worker: this.worker });
    const [row] = await this.#inbox.read("SELECT knocker_next_due(?, ?) AS due", given, this.#inbox.now());
    return row!["due"] as number | null;
  }
}
