/** Jobs of a backlog, handled together: one after the other without a turn of the event loop between them, and in one commit. */

import { type AttemptEnd, type AttemptRunner, type ClaimNext, isThenable } from "./attempt.js";
import { Ignore } from "./decision.js";
import type { Row } from "./driver.js";
import { knockerError } from "./errors.js";
import { Event } from "./event.js";
import { transactionEnded } from "./guard.js";
import type { Handler } from "./handlers.js";
import type { Inbox } from "./inbox.js";
import type { MemberTransaction } from "./member.js";
import type { Pace } from "./pace.js";
import { running } from "./running.js";
import { isHopeless, type Member, MOST_EVENTS, MOST_MS, SharedCommit } from "./shared-commit.js";
import type { AttemptReport } from "./telling.js";
import { explained, isLocked } from "./transaction.js";
import { failed, HANDLED, verdictOn } from "./verdict.js";

/** A job and those who want its event. */
export interface Wanted<Db> {
  job: Row;
  handlers: Handler<Db>[];
}

/** An attempt that has ended. */
export interface Ended {
  job: Row;
  end: AttemptEnd;
  /** How long its handlers took, in milliseconds. */
  tookMs: number;
}

/** What a span says of handlers that run again, alone. */
const REPEATED = "repeated";

/** Of an event that no handler wants. */
const NOTHING: Pace = { expectedMs: 0, usesTx: true, apart: false };

/** How many jobs at the beginning of the list may share a commit; 1 where the first one is to be alone. */
export function sharing<Db extends object>(inbox: Inbox<Db>, jobs: readonly Wanted<Db>[]): number {
  const alone = jobs.findIndex(({ job, handlers }) => {
    const pace = paceOf(inbox, job, handlers);
    return !pace || pace.apart || pace.expectedMs > MOST_MS || (handlers.length > 0 && job["attempt"] !== 1);
  });
  return Math.max(1, Math.min(alone < 0 ? jobs.length : alone, MOST_EVENTS));
}

function paceOf<Db extends object>(inbox: Inbox<Db>, job: Row, handlers: Handler<Db>[]): Pace | undefined {
  if (handlers.length === 0) return NOTHING;
  return inbox.paces.of({ endpoint: job["endpoint"] as string, type: job["type"] as string | null });
}

/** How the handlers of an event have come to their end. */
interface Called {
  thrown: { error: unknown } | undefined;
  /** Whether one of them has returned a promise. */
  promised: boolean;
}

const RETURNED: Called = { thrown: undefined, promised: false };

/** One batch of jobs on the connection of a runner. */
export class SharedAttempts<Db extends object> {
  readonly #inbox: Inbox<Db>;
  readonly #runner: AttemptRunner<Db>;
  readonly #shared: SharedCommit<Db>;
  readonly #ended: Ended[] = [];
  /** Those who wanted the event of each job that was begun. */
  readonly #wanted = new Map<Row, Handler<Db>[]>();
  /** Whether a handler has left something on the connection. */
  #altered = false;

  constructor(inbox: Inbox<Db>, runner: AttemptRunner<Db>) {
    this.#inbox = inbox;
    this.#runner = runner;
    this.#shared = new SharedCommit(inbox, runner.link, runner.worker);
  }

  /**
   * Handles them in order, as many as share a commit, and returns what became of each; the others are still to be handled.
   * @param goesOn whether a further one is to be begun.
   */
  async run(jobs: readonly Wanted<Db>[], goesOn: () => boolean, claimNext: ClaimNext<Db>): Promise<Ended[]> {
    this.#runner.shared = this.#shared;
    try {
      for (const [index, wanted] of jobs.entries()) {
        if (index > 0 && (!goesOn() || !this.#shared.hasRoomFor(paceOf(this.#inbox, wanted.job, wanted.handlers)!))) break;
        this.#wanted.set(wanted.job, wanted.handlers);
        if ((await this.#one(wanted)) === "stop") break;
      }
      const claims = this.#wanted.size === jobs.length && goesOn() && !this.#altered;
      await this.#settle(claims ? claimNext : undefined);
      return this.#ended;
    } catch (error) {
      return this.#brokenOff(error);
    } finally {
      this.#runner.heldMs += this.#shared.heldMs;
      this.#runner.shared = undefined;
    }
  }

  /** What is none of the handlers' errors, such as a clock of the application's that throws: what has no verdict is left to its lease, and the worker goes on. */
  #brokenOff(error: unknown): Ended[] {
    this.#runner.telling.error(error);
    this.#shared.rollback();
    this.#runner.link.drop();
    const settled = new Set(this.#ended.map(({ job }) => job));
    const left = [...this.#wanted.keys()].filter((job) => !settled.has(job));
    return [...this.#ended, ...left.map((job): Ended => ({ job, end: "unwritten", tookMs: 0 }))];
  }

  /** One attempt: `stop` where nothing more is to be begun in this batch. */
  async #one({ job, handlers }: Wanted<Db>): Promise<"next" | "stop"> {
    const event = new Event(job);
    const report = this.#runner.telling.attempt(event);
    report.span.start();
    if (handlers.length === 0) return this.#unwanted(job, event, report);
    const { paces } = this.#inbox;
    const member = this.#shared.start();
    const startedMs = paces.nowMs();
    const { thrown, promised } = await this.#call(handlers, member, report);
    report.stop();
    const tookMs = paces.nowMs() - startedMs;
    const endedAt = this.#inbox.now() ?? Date.now();
    const metLock = thrown !== undefined && !member.begun && this.#shared.isOpen && isLocked(thrown.error);
    this.#altered ||= this.#end(member);
    const begunAfterMs = member.begun ? member.begunAtMs - startedMs : undefined;
    paces.note(event, { tookMs, begunAfterMs, threw: thrown !== undefined, apart: promised || this.#altered });
    if (member.conflicted || metLock) return this.#again(job, handlers, member, report);
    const raised = thrown ?? (member.wasEnded ? { error: transactionEnded() } : undefined);
    const jobId = job["job_id"] as number;
    const conclude = (error: unknown) => this.#runner.conclude(jobId, event, error, report);
    try {
      // In a transaction that has ended nothing is left to be written with the others'.
      if (member.wasEnded) throw raised!.error;
      this.#shared.add(
        {
          job,
          event,
          report,
          tookMs,
          endedAt,
          state: "waiting",
          verdict: raised ? verdictOn(raised.error) : HANDLED,
          hasWrites: member.begun && !raised,
          told: () => {
            if (raised && !(raised.error instanceof Ignore)) report.failed(raised.error);
          },
          again: () => (raised ? conclude(raised.error) : this.#runner.concludeHandled(jobId, event, report)),
        },
        member,
      );
    } catch (failure) {
      // A full disk, say, or a connection that was made read-only; or words of the handler's that cannot be recorded.
      this.#shared.drop(member);
      await this.#settle();
      this.#ended.push({ job, end: await conclude(raised ? raised.error : failure), tookMs });
      return "stop";
    }
    return this.#altered || promised ? "stop" : "next";
  }

  async #unwanted(job: Row, event: Event, report: AttemptReport): Promise<"next" | "stop"> {
    report.stop();
    const message = `no handler for events of type ${JSON.stringify(event.type)}`;
    const again = () => this.#runner.concludeUnwanted(job["job_id"] as number, event, report);
    try {
      this.#shared.add(
        {
          ...{ job, event, report, tookMs: 0, endedAt: this.#inbox.now() ?? Date.now(), state: "waiting", hasWrites: false, again },
          verdict: failed(message, { no_handler: true }),
          told: (end) => {
            if (end !== "ignored" && end !== "lease_lost") report.failed(knockerError("no_handler", message));
          },
        },
        { begun: false },
      );
    } catch {
      await this.#settle();
      this.#ended.push({ job, end: await again(), tookMs: 0 });
      return "stop";
    }
    return "next";
  }

  /** Runs the handlers in order. A promise only where one of them returns one: on Node 20 each costs as much as a statement. */
  #call(handlers: Handler<Db>[], member: MemberTransaction<Db>, report: AttemptReport): Called | Promise<Called> {
    const run = running([this.#runner.worker, this.#inbox], member);
    const call = (handler: Handler<Db>) => run.in(() => report.span.within(() => handler(report.given, member.tx)));
    let promised: Promise<Called> | undefined;
    try {
      for (const [index, handler] of handlers.entries()) {
        const result = call(handler);
        if (!isThenable(result)) continue;
        promised = this.#wait(result, handlers.slice(index + 1), call, member).finally(() => run.end());
        return promised;
      }
      return RETURNED;
    } catch (error) {
      return this.#thrown(error, member, false);
    } finally {
      if (!promised) run.end();
    }
  }

  /** A handler has returned a promise all of a sudden: it is waited for. The others are committed first, unless it has used `tx`. */
  async #wait(
    result: PromiseLike<unknown>,
    rest: Handler<Db>[],
    call: (handler: Handler<Db>) => unknown,
    member: MemberTransaction<Db>,
  ): Promise<Called> {
    try {
      member.letGo();
      await result;
      for (const handler of rest) {
        const next = call(handler);
        if (!isThenable(next)) continue;
        member.letGo();
        await next;
      }
      return { thrown: undefined, promised: true };
    } catch (error) {
      return this.#thrown(error, member, true);
    }
  }

  #thrown(error: unknown, member: MemberTransaction<Db>, promised: boolean): Called {
    return { thrown: { error: member.begun ? explained(error, this.#inbox.file) : error }, promised };
  }

  /** Ends what the handlers left running, and says whether they have left something else on the connection. */
  #end(member: MemberTransaction<Db>): boolean {
    try {
      member.end();
      return member.altersConnection;
    } catch {
      return true;
    }
  }

  /** Commits the others, and runs the handlers again, alone. */
  async #again(job: Row, handlers: Handler<Db>[], member: MemberTransaction<Db>, report: AttemptReport): Promise<"stop"> {
    report.span.ended(REPEATED, false, undefined);
    this.#shared.drop(member);
    await this.#settle();
    await this.#alone(job, handlers);
    return "stop";
  }

  /** Commits what is there, and tells of it. Attempts whose writes are lost with the transaction run again, alone. */
  async #settle(claimNext: ClaimNext<Db> = () => () => {}): Promise<void> {
    const members = await this.#shared.commit(claimNext);
    // Neither what runs again nor the next handler finds what one has left on the connection; what kept the commit from it may be on it, too.
    if (this.#altered || members.some(({ state }) => state === "undone")) this.#runner.link.drop();
    for (const member of members) {
      const { job, event, report, tookMs } = member;
      if (member.state === "committed") {
        this.#tell(member);
        this.#ended.push({ job, end: member.end!, tookMs });
      } else if (isHopeless(member.problem)) {
        report.failed(member.problem, "no result was written, and the lease runs out", "unwritten");
        this.#runner.tellEnd(event, report, "unwritten");
        this.#ended.push({ job, end: "unwritten", tookMs });
      } else if (member.hasWrites) {
        report.span.ended(REPEATED, false, undefined);
        await this.#alone(job, this.#wanted.get(job)!);
      } else this.#ended.push({ job, end: await member.again(), tookMs });
    }
  }

  #tell({ event, report, end, problem, told }: Member): void {
    if (end === "lease_lost") {
      told(end);
      report.failed(problem, "somebody else has it now, and nothing was written", end);
    } else told(end!);
    this.#runner.tellEnd(event, report, end!);
  }

  async #alone(job: Row, handlers: Handler<Db>[]): Promise<void> {
    const end = await this.#runner.run(job, handlers);
    this.#ended.push({ job, end, tookMs: this.#runner.tookMs });
  }
}
