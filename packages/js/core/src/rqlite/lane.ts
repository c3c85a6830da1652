/** One job after the other, under one name: claimed, handled, and its verdict sent with what its handlers wrote. */

import type { AttemptEnd } from "../attempt.js";
import { Ignore } from "../decision.js";
import type { Row, SqlValue } from "../driver.js";
import type { Endpoint } from "../endpoint.js";
import { ClusterUnavailableError, knockerError, LeaseLostError } from "../errors.js";
import { Event } from "../event.js";
import { tellLost } from "../claim.js";
import { JOBS } from "../leases.js";
import { LOST, lostOf } from "../lost-attempts.js";
import { runningFor } from "../running.js";
import type { AttemptReport, Telling } from "../telling.js";
import { failed, HANDLED, statusOf, type Verdict, verdictOn } from "../verdict.js";
import { rowsOf } from "./answers.js";
import type { RqliteInbox } from "./inbox.js";
import { bodyAsHex, bodyOfHex, callOf, type Statement } from "./statements.js";
import { Writes } from "./writes.js";

const LOST_SOMEWHERE = "somebody else has it now, and nothing was written";
const UNWRITTEN = "no result was written, and the lease runs out";

/** A transaction that no lock is held for. */
const NO_LOCK = { holds: () => false };

/** What the lanes of one worker share. */
export interface Work<Db extends object> {
  readonly inbox: RqliteInbox<Db>;
  readonly endpoints: ReadonlyMap<string, Endpoint<Db>>;
  readonly leaseS: number;
  readonly telling: Telling;
  /** For calls from inside a handler: whom it runs for. */
  readonly owner: unknown;
  /** Attempts that have been told of as lost. */
  readonly told: Set<SqlValue>;
  /** The newest attempt from before this worker, once it is known. */
  since: Promise<number> | undefined;
}

/** The newest attempt. */
async function newest(inbox: RqliteInbox<object>): Promise<number> {
  const [row] = await inbox.read("SELECT id FROM knocker_attempts ORDER BY id DESC LIMIT 1");
  return (row?.["id"] as number | undefined) ?? 0;
}

/** A name, and what is leased under it. */
export class Lane<Db extends object> {
  readonly worker: string;
  /** The job whose handlers run. */
  running: Row | undefined;
  readonly #work: Work<Db>;
  /** Leased already: a claim whose answer was lost is made again, and then there are two. */
  #ready: Row[] = [];
  /** Attempts whose verdict could not be sent: they are leased until that runs out. */
  readonly #givenUp = new Map<SqlValue, SqlValue>();

  constructor(work: Work<Db>, worker: string) {
    this.#work = work;
    this.worker = worker;
  }

  /** The next job, or milliseconds until one may be due; null where none waits. Nothing is written by Raft before one is due. */
  async take(): Promise<Row | number | null> {
    if (this.#ready.length === 0) {
      const due = await this.#due();
      if (due !== 0) return due;
      await this.#claim();
    }
    // Where there is none, another worker was faster.
    return this.#ready.shift() ?? 5;
  }

  /** Runs the handlers of a job and sends the verdict. It never throws. */
  async attempt(job: Row): Promise<AttemptEnd> {
    const event = new Event(job);
    const report = this.#work.telling.attempt(event);
    report.span.start();
    this.running = job;
    let end: AttemptEnd;
    try {
      end = await this.#conclude(job, event, report);
    } catch (error) {
      const isLost = error instanceof LeaseLostError;
      end = isLost ? "lease_lost" : "unwritten";
      report.failed(error, isLost ? LOST_SOMEWHERE : UNWRITTEN, end);
    }
    this.running = undefined;
    if (end === "unwritten") this.#givenUp.set(job["job_id"]!, job["attempt"]!);
    else this.#givenUp.delete(job["job_id"]!);
    if (end === "dead") report.dead(await this.#reasonOf(event));
    else report.ended(end);
    return end;
  }

  get #filter(): { endpoints: string[] } {
    const { endpoints } = this.#work;
    return { endpoints: [...endpoints.values()].filter(({ handlers }) => !handlers.empty).map(({ name }) => name) };
  }

  async #due(): Promise<number | null> {
    const { inbox } = this.#work;
    const filter = this.#filter;
    if (filter.endpoints.length === 0) return null;
    const [row] = await inbox.read("SELECT knocker_next_due(?, ?) AS due", JSON.stringify({ ...filter, worker: this.worker }), inbox.now());
    return row!["due"] as number | null;
  }

  /** Leases a job, and reads in the same request what is leased under this name: whatever became of an earlier try, nothing is forgotten. */
  async #claim(): Promise<void> {
    const { inbox, leaseS, telling, told } = this.#work;
    const since = await (this.#work.since ??= newest(inbox).catch((error: unknown) => {
      this.#work.since = undefined;
      throw error;
    }));
    const now = inbox.now();
    const [, leased, lost] = await inbox.ask("write", inbox.busyTimeoutMs, [
      callOf("knocker_claim", this.worker, 1, leaseS, JSON.stringify(this.#filter), now),
      { sql: bodyAsHex(JOBS), parameters: [this.worker] },
      { sql: bodyAsHex(`${LOST} AND attempt.finished_at = ? ORDER BY attempt.id`), parameters: [since, now] },
    ]);
    const jobs = rowsOf(leased!).map(bodyOfHex);
    this.#ready = jobs.filter((job) => this.#givenUp.get(job["job_id"]!) !== job["attempt"]);
    const news = rowsOf(lost!).filter(({ attempt_id }) => !told.has(attempt_id!));
    for (const { attempt_id } of news) told.add(attempt_id!);
    tellLost(telling, news.map(bodyOfHex).map(lostOf));
  }

  async #conclude(job: Row, event: Event, report: AttemptReport): Promise<AttemptEnd> {
    const handlers = this.#work.endpoints.get(event.endpoint)?.handlers.for(event.type) ?? [];
    if (handlers.length === 0) {
      const message = `no handler for events of type ${JSON.stringify(event.type)}`;
      const end = await this.#send(job, [], failed(message, { no_handler: true }), 0);
      if (end !== "ignored") report.failed(knockerError("no_handler", message));
      return end;
    }
    const writes = new Writes();
    let problem: unknown;
    try {
      await runningFor([this.#work.owner, this.#work.inbox], NO_LOCK, () =>
        report.span.within(async () => {
          for (const handler of handlers) await handler(report.given, writes.tx as unknown as Db);
        }),
      );
      writes.end();
      await this.#work.inbox.requireUnderstood(writes.statements);
      return await this.#send(job, writes.statements, HANDLED, report.durationMs);
    } catch (error) {
      writes.end();
      if (error instanceof LeaseLostError || error instanceof ClusterUnavailableError) throw error;
      problem = error;
    }
    if (!(problem instanceof Ignore)) report.failed(problem);
    return this.#send(job, [], verdictOn(problem), report.durationMs);
  }

  async #send(job: Row, writes: readonly Statement[], verdict: Verdict, durationMs: number): Promise<AttemptEnd> {
    const { worker } = this;
    const result = await this.#work.inbox.verdict({ worker, job }, writes, verdict.name, verdict.parameters(durationMs));
    return statusOf(verdict, result);
  }

  /** What is stored with the event. */
  async #reasonOf(event: Event): Promise<string | null> {
    try {
      const [row] = await this.#work.inbox.read("SELECT reason FROM knocker_events WHERE id = ?", event.id);
      return (row?.["reason"] as string | undefined) ?? null;
    } catch {
      // It is dead whether that can be read now or not.
      return null;
    }
  }
}
