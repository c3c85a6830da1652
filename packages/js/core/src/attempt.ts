/** One job: its handlers, then the result, in one transaction. */

import type { Connection, Row, SqlValue } from "./driver.js";
import { BusyError, DatabaseError, FileReplacedError, knockerError, LeaseLostError } from "./errors.js";
import { Event } from "./event.js";
import { transactionEnded } from "./guard.js";
import type { Handler } from "./handlers.js";
import type { Link } from "./link.js";
import { runningFor } from "./running.js";
import type { Inbox } from "./inbox.js";
import type { AttemptReport, Telling } from "./telling.js";
import { LazyTransaction } from "./transaction.js";
import { Ignore } from "./decision.js";
import type { SharedCommit } from "./shared-commit.js";
import { statusOf, verdictOn } from "./verdict.js";

/**
 * What became of a job. `lease_lost`: another worker or an operator has it now, and nothing was written. `unwritten`: no result could be written, and the
 * lease runs out.
 */
export type AttemptEnd = "handled" | "failed" | "dead" | "ignored" | "lease_lost" | "unwritten";

/**
 * How long the write of a result waits for another handler's transaction or for another process, in milliseconds. Longer than a receive waits: a result
 * that is not written makes the handler run again.
 */
const RESULT_PATIENCE_MS = 60_000;

/** How long it waits for a disk that has failed, and how long between two tries, in milliseconds. */
const DISK_PATIENCE_MS = 10_000;
const DISK_PAUSE_MS = 250;

const LOST = "somebody else has it now, and nothing was written";
const UNWRITTEN = "no result was written, and the lease runs out";

/** Leases the next job in the transaction of a `handled`, on its connection; returns what to do once that is committed. */
export type ClaimNext<Db> = (connection: Connection<Db>) => () => void;

/** A connection that handlers run on, one job at a time. */
export class AttemptRunner<Db extends object> {
  /** The connection. */
  readonly link: Link<Db>;
  /** The name under which the jobs are leased. */
  readonly worker: string;
  readonly telling: Telling;
  /** The transaction of the batch that runs here, if any. */
  shared: SharedCommit<Db> | undefined;
  /** How long the handlers of the last attempt took, in milliseconds. */
  tookMs = 0;
  /** For how long commits have held the write lock, in milliseconds, until somebody takes it back to 0. */
  heldMs = 0;
  readonly #inbox: Inbox<Db>;
  readonly #claimNext: ClaimNext<Db>;
  #transaction: LazyTransaction<Db> | undefined;

  /**
   * @param worker the name under which the jobs are leased.
   */
  constructor(inbox: Inbox<Db>, worker: string, telling: Telling, claimNext: ClaimNext<Db> = () => () => {}) {
    this.#claimNext = claimNext;
    this.#inbox = inbox;
    this.link = inbox.connect();
    this.worker = worker;
    this.telling = telling;
  }

  /** Runs the handlers in order in one transaction. Every failure ends in a result and is told; this never throws. */
  async run(job: Row, handlers: Handler<Db>[]): Promise<AttemptEnd> {
    const event = new Event(job);
    const report = this.telling.attempt(event);
    report.span.start();
    return this.#concluded(event, report, () => this.#attempt(job["job_id"] as number, event, handlers, report));
  }

  /** Records what handlers threw in a transaction of its own. Their writes have been taken back. */
  conclude(jobId: number, event: Event, error: unknown, report: AttemptReport): Promise<AttemptEnd> {
    return this.#concluded(event, report, () => this.#conclude(error, jobId, report));
  }

  /** Records that handlers that wrote nothing have returned. */
  concludeHandled(jobId: number, event: Event, report: AttemptReport): Promise<AttemptEnd> {
    return this.#concluded(event, report, async () => {
      await this.#record("knocker_handled", jobId, this.worker, report.durationMs);
      return "handled";
    });
  }

  /** Records that no handler wants the event. */
  concludeUnwanted(jobId: number, event: Event, report: AttemptReport): Promise<AttemptEnd> {
    return this.#concluded(event, report, () => this.#unwanted(event, jobId, report));
  }

  /** Tells that it has ended so. */
  tellEnd(event: Event, report: AttemptReport, end: AttemptEnd): void {
    if (end === "dead") report.dead(this.#reasonOf(event));
    else report.ended(end);
  }

  /** Does the attempt, or what is left of it, and tells what became of it. */
  async #concluded(event: Event, report: AttemptReport, attempt: () => Promise<AttemptEnd>): Promise<AttemptEnd> {
    let end: AttemptEnd;
    try {
      end = await attempt();
    } catch (error) {
      const isLost = error instanceof LeaseLostError;
      end = isLost ? "lease_lost" : "unwritten";
      report.failed(error, isLost ? LOST : UNWRITTEN, end);
    } finally {
      this.#transaction = undefined;
    }
    this.tellEnd(event, report, end);
    return end;
  }

  async #attempt(jobId: number, event: Event, handlers: Handler<Db>[], report: AttemptReport): Promise<AttemptEnd> {
    this.tookMs = 0;
    if (handlers.length === 0) return await this.#unwanted(event, jobId, report);
    for (;;) {
      const connection = this.#connection;
      const transaction = new LazyTransaction(this.#inbox, connection);
      this.#transaction = transaction;
      const startedMs = this.#inbox.paces.nowMs();
      const calls = { promised: false };
      let returned = false;
      try {
        await runningFor([this.worker, this.#inbox], transaction, () =>
          report.span.within(() => callAll(handlers, report.given, transaction, calls)),
        );
        returned = true;
        this.#note(event, transaction, startedMs, calls.promised, false);
        await this.#handled(transaction, connection, jobId, report);
        this.#dropAltered(transaction, event);
        return "handled";
      } catch (error) {
        if (!returned) this.#note(event, transaction, startedMs, calls.promised, true);
        this.#takeBack(transaction);
        // Nothing of this is in the result.
        this.#dropAltered(transaction, event);
        // Not one that the handlers have met elsewhere.
        if (returned && error instanceof LeaseLostError) throw error;
        if (transaction.refusedBy && this.link.mayReplace(transaction.refusedBy)) {
          // Nothing was done with it: the handlers run again on one that can write.
          this.link.drop();
          continue;
        }
        if (!transaction.conflicted) return await this.#conclude(transaction.explained(error), jobId, report);
      }
      await this.#writable();
    }
  }

  #note(event: Event, { begun, begunAtMs }: LazyTransaction<Db>, startedMs: number, promised: boolean, threw: boolean): void {
    this.tookMs = this.#inbox.paces.nowMs() - startedMs;
    const begunAfterMs = begun ? begunAtMs - startedMs : undefined;
    this.#inbox.paces.note(event, { tookMs: this.tookMs, begunAfterMs, threw, apart: promised });
  }

  /** Extends the lease of the job that runs here, on `control` or, where the handler holds the write lock, in its own transaction. */
  async extend(jobId: number, leaseS: number, control: Link<Db>): Promise<void> {
    const extend = (connection: Connection<Db>) =>
      connection.get("SELECT knocker_extend(?, ?, ?, ?)", jobId, this.worker, leaseS, this.#inbox.now());
    const current = this.link.current;
    // What has a verdict is leased no more.
    if (this.shared?.hasVerdict(jobId)) return;
    if (this.shared?.isOpen && current?.inTransaction) extend(current);
    else if (this.#transaction?.begun && current?.inTransaction) extend(current);
    else await this.#inbox.whenWritable(this.#inbox.busyTimeoutMs, () => extend(control.connection));
  }

  close(): void {
    this.link.close();
  }

  get #connection(): Connection<Db> {
    return this.link.connection;
  }

  /** Takes back what the handlers wrote, if need be together with the connection: one that is stuck would keep the write lock. */
  #takeBack(transaction: LazyTransaction<Db>): void {
    try {
      transaction.rollback();
    } catch (error) {
      this.telling.error(error);
      this.link.drop();
    }
  }

  /** Neither the result nor the next handler finds what these have left on the connection. */
  #dropAltered(transaction: LazyTransaction<Db>, event: Event): void {
    try {
      if (this.link.current && !transaction.altersConnection) return;
    } catch {
      // It does not even say.
    }
    this.#inbox.paces.setApart(event);
    this.link.drop();
  }

  /** On the connection of the handlers: where the file was replaced while they ran, what they wrote is of no use, and neither is this. */
  async #handled(transaction: LazyTransaction<Db>, connection: Connection<Db>, jobId: number, report: AttemptReport): Promise<void> {
    let committed = () => {};
    let lockedAtMs = transaction.begunAtMs;
    const handled = () => {
      if (!transaction.begun) lockedAtMs = this.#inbox.paces.nowMs();
      this.link.requireCurrent();
      connection.get("SELECT knocker_handled(?, ?, ?, ?)", jobId, this.worker, report.durationMs, this.#inbox.now());
      if (transaction.begun) committed = this.#claimNext(connection);
    };
    if (transaction.begun) this.#inbox.write(() => transaction.commit(handled));
    else await this.#inbox.whenWritable(RESULT_PATIENCE_MS, handled);
    this.heldMs += this.#inbox.paces.nowMs() - lockedAtMs;
    transaction.rollback();
    committed();
  }

  /** Settles when the file can be written. Nothing is held meanwhile, neither the lock nor the thread. */
  async #writable(): Promise<void> {
    if (this.#inbox.inMemory) return this.#inbox.lock.free(RESULT_PATIENCE_MS);
    await this.#inbox.whenWritable(RESULT_PATIENCE_MS, () => {
      this.#connection.get("BEGIN IMMEDIATE");
      this.#connection.get("ROLLBACK");
    });
  }

  async #unwanted(event: Event, jobId: number, report: AttemptReport): Promise<AttemptEnd> {
    const message = `no handler for events of type ${JSON.stringify(event.type)}`;
    const end = await this.#fail(jobId, message, 0, { no_handler: true });
    if (end !== "ignored") report.failed(knockerError("no_handler", message));
    return end;
  }

  /** Turns what a handler threw into the event's next state. */
  async #conclude(error: unknown, jobId: number, report: AttemptReport): Promise<AttemptEnd> {
    try {
      return await this.#decide(error, jobId, report);
    } catch (failure) {
      if (failure instanceof LeaseLostError || failure instanceof DatabaseError) throw failure;
      // Only the handler's own words can be at fault here. Without any result the event would wait for its lease.
      report.failed(failure);
      return this.#fail(jobId, "the handler threw what cannot be recorded", report.durationMs, {});
    }
  }

  async #decide(error: unknown, jobId: number, report: AttemptReport): Promise<AttemptEnd> {
    const { durationMs } = report;
    const verdict = verdictOn(error);
    if (!(error instanceof Ignore)) report.failed(error);
    return statusOf(verdict, await this.#record(verdict.name, jobId, this.worker, ...verdict.parameters(durationMs)));
  }

  async #fail(jobId: number, error: string, durationMs: number, options: object): Promise<AttemptEnd> {
    const result = await this.#record("knocker_failed", jobId, this.worker, error, durationMs, JSON.stringify(options));
    return (JSON.parse(result as string) as { status: AttemptEnd }).status;
  }

  /** What is stored with the event. */
  #reasonOf(event: Event): string | null {
    try {
      return (this.#connection.get("SELECT reason FROM knocker_events WHERE id = ?", event.id)?.["reason"] as string | undefined) ?? null;
    } catch {
      // It is dead whether that can be read now or not.
      return null;
    }
  }

  async #record(name: string, ...parameters: SqlValue[]): Promise<SqlValue> {
    const marks = Array(parameters.length + 1)
      .fill("?")
      .join(", ");
    const call = () => this.#connection.get(`SELECT ${name}(${marks}) AS result`, ...parameters, this.#inbox.now());
    const end = performance.now() + DISK_PATIENCE_MS;
    for (let tries = 0; ; tries++) {
      try {
        return (await this.#inbox.whenWritable(RESULT_PATIENCE_MS, call))!["result"]!;
      } catch (error) {
        const kept = !(error instanceof DatabaseError) || error instanceof BusyError || error instanceof FileReplacedError;
        if (kept || this.#inbox.inMemory || (tries > 0 && !this.#inbox.disk.doubt) || performance.now() > end) throw error;
        // The handler may have left the connection in a state that refuses writes, such as `PRAGMA query_only`.
        this.link.drop();
        if (this.#inbox.disk.doubt) await new Promise((resolve) => setTimeout(resolve, DISK_PAUSE_MS));
      }
    }
  }
}

/** @param calls is told where a handler returns a promise. */
async function callAll<Db extends object>(
  handlers: Handler<Db>[],
  event: Event,
  transaction: LazyTransaction<Db>,
  calls: { promised: boolean },
): Promise<void> {
  for (const handler of handlers) {
    const result = handler(event, transaction.tx);
    calls.promised ||= isThenable(result);
    await result;
  }
  if (transaction.conflicted) throw knockerError("busy", "the handler went on after its transaction was refused");
  if (transaction.endedByHandler) throw transactionEnded();
}

/** Whether what a handler returns is to be waited for. */
export function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as PromiseLike<unknown> | null | undefined)?.then === "function";
}
