/**
 * One transaction for the attempts of several events: each in a savepoint, with its verdict, and one commit for all.
 *
 * What one handler throws takes back its own writes alone. Nobody sees an event's writes or its verdict before the commit, and nothing is told of it. Where the
 * whole transaction is lost, by a failing commit or by a handler that ends it, none of them counts as run.
 *
 * The transaction is begun by the first handler that uses `tx`. Attempts that ended before that wait with their verdicts; they hold no lock.
 */

import type { AttemptEnd } from "./attempt.js";
import type { Connection, Row } from "./driver.js";
import { FileReplacedError, KnockerError, knockerError, LeaseLostError } from "./errors.js";
import type { Event } from "./event.js";
import { SAVEPOINT } from "./guard.js";
import type { Inbox } from "./inbox.js";
import type { Link } from "./link.js";
import type { WriteLock } from "./lock.js";
import { MemberTransaction } from "./member.js";
import type { Pace } from "./pace.js";
import { selectOf } from "./statements.js";
import type { AttemptReport } from "./telling.js";
import { statusOf, type Verdict } from "./verdict.js";

/** So many events share a commit at most. */
export const MOST_EVENTS = 64;

/** For so long the transaction stays open, and no handler is begun in it that lately took longer than what is left of that, in milliseconds. */
export const MOST_MS = 20;

/** How long a commit of verdicts alone waits for the write lock, in milliseconds. */
const PATIENCE_MS = 60_000;

/** How long the first use of `tx` waits for another process in place, in milliseconds. */
const IN_PLACE_MS = 25;

/** What became of an attempt that shares its commit. */
export type MemberEnd = "handled" | "failed" | "dead" | "ignored" | "lease_lost";

/** An attempt whose handlers have ended, and which waits for the commit. */
export interface Member {
  job: Row;
  event: Event;
  report: AttemptReport;
  verdict: Verdict;
  /** Whether what its handlers wrote is to be committed: without it only the verdict is to be written again where that is lost. */
  hasWrites: boolean;
  /** Tells what is particular about that end, after the commit. */
  told: (end: MemberEnd) => void;
  /** Writes the verdict again, in a transaction of its own. */
  again: () => Promise<AttemptEnd>;
  tookMs: number;
  /** When its handlers had ended, by the injected clock where there is one: that is when the verdict is of. */
  endedAt: number;
  state: "waiting" | "written" | "committed" | "undone";
  end?: MemberEnd;
  /** Why the lease was lost, or why it is undone. */
  problem?: unknown;
}

/** Leases further jobs on the connection of a transaction; returns what to do once that is committed. */
type ClaimNext<Db> = (connection: Connection<Db>) => () => void;

/** The shared transaction of one connection, for one batch of jobs. */
export class SharedCommit<Db extends object> {
  readonly #inbox: Inbox<Db>;
  readonly #link: Link<Db>;
  readonly #connection: Connection<Db>;
  readonly #worker: string;
  #members: Member[] = [];
  #isOpen = false;
  #sinceMs: number | undefined;
  #lockedAtMs = 0;
  /** For how long its commits have held the write lock, in milliseconds. */
  heldMs = 0;
  /** Jobs whose verdict has been committed. */
  readonly #settled = new Set<unknown>();
  #letOwnerWait = (): void => {};

  constructor(inbox: Inbox<Db>, link: Link<Db>, worker: string) {
    this.#inbox = inbox;
    this.#link = link;
    this.#connection = link.connection;
    this.#worker = worker;
  }

  /** That of the file. */
  get lock(): WriteLock {
    return this.#inbox.lock;
  }

  /** Whether the transaction has begun. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether the job has a verdict in the transaction, or a former one. */
  hasVerdict(jobId: number): boolean {
    return this.#settled.has(jobId) || this.#members.some(({ job, state }) => job["job_id"] === jobId && state === "written");
  }

  /** Whether a handler of that pace may be begun in it: nobody is to wait for the lock because of one that is slow, or that does something else first. */
  hasRoomFor(pace: Pace): boolean {
    if (this.#members.length === 0) return true;
    if (this.#members.length >= MOST_EVENTS || (this.#isOpen && !pace.usesTx)) return false;
    return this.#ageMs + pace.expectedMs <= MOST_MS;
  }

  get #ageMs(): number {
    return this.#sinceMs === undefined ? 0 : this.#inbox.paces.nowMs() - this.#sinceMs;
  }

  /** `tx` for the handlers of one more attempt. */
  start(): MemberTransaction<Db> {
    return new MemberTransaction(this, this.#connection, () => this.#inbox.paces.nowMs());
  }

  /** At the first use of `tx`: begins the transaction if need be, and a savepoint in it. */
  begin(member: { conflicted: boolean }): void {
    if (!this.#isOpen) {
      try {
        if (member.conflicted || this.lock.heldByOther(this))
          throw knockerError("busy", "another handler of this process holds the write lock");
        this.#begin();
      } catch (error) {
        // It runs again, alone, and is told there what else may be wrong.
        member.conflicted = true;
        throw knockerError("busy", "the transaction could not be begun; the handlers of this event run again", error);
      }
      try {
        this.#writeWaiting();
      } catch (error) {
        // It is not this handler's error.
        this.#rollBack();
        this.#undo(error);
        this.#begin();
      }
    }
    this.#connection.get(`SAVEPOINT ${SAVEPOINT}`);
  }

  #begin(): void {
    this.#inbox.setBusyTimeout(this.#connection, Math.min(IN_PLACE_MS, this.#inbox.busyTimeoutMs));
    try {
      this.#connection.get("BEGIN IMMEDIATE");
    } finally {
      this.#inbox.setBusyTimeout(this.#connection, 0);
    }
    this.#isOpen = true;
    this.#lockedAtMs = this.#inbox.paces.nowMs();
    this.#sinceMs ??= this.#inbox.paces.nowMs();
    this.lock.take(this);
    this.#letOwnerWait = this.#inbox.letOwnerNotWait();
  }

  /**
   * The handlers of an attempt have ended, and nothing of it uses the connection any more.
   * @throws what keeps its verdict from being written: then drop it.
   */
  add(member: Member, { begun }: { begun: boolean }): void {
    if (begun) {
      if (!member.hasWrites) this.#takeBack();
      // With writes it is written inside the savepoint: a lease that is lost takes back this event's alone.
      this.#write(member);
      if (member.hasWrites && member.end === "lease_lost") this.#takeBack();
      else if (member.hasWrites) this.#connection.get(`RELEASE ${SAVEPOINT}`);
    } else if (this.#isOpen) this.#write(member);
    this.#members.push(member);
    this.#sinceMs ??= this.#inbox.paces.nowMs();
  }

  /** The attempt is none of this transaction: what it wrote is taken back. */
  drop({ begun }: { begun: boolean }): void {
    if (begun) this.#takeBack();
  }

  #takeBack(): void {
    if (!this.#connection.inTransaction) return this.#findOut();
    try {
      this.#connection.get(`ROLLBACK TO ${SAVEPOINT}`);
      this.#connection.get(`RELEASE ${SAVEPOINT}`);
    } catch (error) {
      this.#inbox.telling.undone(error);
      this.#rollBack();
      this.#findOut();
    }
  }

  #write(member: Member): void {
    const { verdict, report, job } = member;
    const parameters = verdict.parameters(report.durationMs);
    try {
      const sql = selectOf(verdict.name, parameters.length + 2);
      const row = this.#connection.get(sql, job["job_id"]!, this.#worker, ...parameters, member.endedAt);
      member.end = statusOf(verdict, row?.["result"]);
    } catch (error) {
      if (!(error instanceof LeaseLostError)) throw error;
      member.end = "lease_lost";
      member.problem = error;
    }
    member.state = "written";
  }

  #writeWaiting(): void {
    for (const member of this.#members) if (member.state === "waiting") this.#write(member);
  }

  /** Commits, and returns every attempt since the last call: committed, or undone. */
  async commit(claimNext: ClaimNext<Db>): Promise<Member[]> {
    if (this.#isOpen) this.#commitOpen(claimNext);
    const waiting = this.#uncommitted;
    if (waiting.length > 0) {
      try {
        await this.#inbox.whenWritable(
          PATIENCE_MS,
          () => {
            this.#connection.get("BEGIN IMMEDIATE");
            this.#lockedAtMs = this.#inbox.paces.nowMs();
            try {
              this.#finish(claimNext);
            } catch (error) {
              this.#rollBack();
              throw error;
            }
          },
          { calls: waiting.length, bytes: 0 },
        );
      } catch (error) {
        this.#failed(error);
      }
    }
    const members = this.#members;
    this.#members = [];
    this.#sinceMs = undefined;
    return members;
  }

  /** Commits what is there while a handler runs that has not used `tx`. They are told of when it has ended. */
  commitEarly(): void {
    if (this.#isOpen) return this.#commitOpen(() => () => {});
    const count = this.#uncommitted.length;
    if (count === 0 || this.lock.heldByOther(this)) return;
    try {
      this.#begin();
    } catch {
      // They hold no lock, and wait on.
      return;
    }
    this.#commitOpen(() => () => {});
  }

  get #uncommitted(): Member[] {
    return this.#members.filter(({ state }) => state === "waiting" || state === "written");
  }

  #commitOpen(claimNext: ClaimNext<Db>): void {
    if (!this.#connection.inTransaction) return this.#findOut();
    try {
      this.#inbox.write(() => this.#finish(claimNext), { calls: this.#uncommitted.length, bytes: 0 });
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#rollBack();
    // What was committed to a file that is gone is nowhere.
    if (error instanceof FileReplacedError) for (const member of this.#members) member.state = "written";
    this.#undo(error);
  }

  #finish(claimNext: ClaimNext<Db>): void {
    this.#link.requireCurrent();
    this.#writeWaiting();
    const claimed = claimNext(this.#connection);
    this.#connection.get("COMMIT");
    this.heldMs += this.#inbox.paces.nowMs() - this.#lockedAtMs;
    this.#closed();
    for (const member of this.#uncommitted) {
      member.state = "committed";
      this.#settled.add(member.job["job_id"]);
    }
    claimed();
  }

  /** Gives everything up that is not committed, where a program is loaded anew. */
  rollback(): void {
    this.#rollBack();
    this.#undo(knockerError("closed", "the program was loaded anew"));
  }

  #rollBack(): void {
    try {
      if (this.#connection.inTransaction) this.#connection.get("ROLLBACK");
    } catch (error) {
      this.#inbox.telling.error(error, "worker_failed", { worker: this.#worker });
      this.#link.drop();
    } finally {
      this.#closed();
    }
  }

  #closed(): void {
    this.#isOpen = false;
    this.#letOwnerWait();
    this.#letOwnerWait = () => {};
    this.lock.give(this);
  }

  #undo(problem: unknown): void {
    for (const member of this.#uncommitted) Object.assign(member, { state: "undone", problem });
  }

  /** A handler has ended the transaction, or SQLite has, as on a full disk: the file says whether it was committed. */
  #findOut(): void {
    this.#closed();
    for (const member of this.#members) {
      if (member.state === "written") member.state = this.#isInFile(member) ? "committed" : "undone";
    }
  }

  #isInFile({ event, job, end }: Member): boolean {
    if (end === "lease_lost") return true;
    const attempts = "SELECT result FROM knocker_attempts WHERE event_id = ? AND attempt = ? ORDER BY id DESC LIMIT 1";
    try {
      const leased = this.#connection.get("SELECT 1 FROM knocker_jobs WHERE job_id = ? AND worker = ?", job["job_id"]!, this.#worker);
      return leased === undefined && this.#connection.get(attempts, event.id, event.attempt)?.["result"] === end;
    } catch {
      // Where nobody can tell it runs again, and its verdict is refused if it has one already.
      return false;
    }
  }
}

const HOPELESS = new Set(["busy", "closed", "file_replaced"]);

/** Whether what was undone for this is not to be tried again now: nobody could write it. */
export function isHopeless(problem: unknown): boolean {
  return problem instanceof KnockerError && HOPELESS.has(problem.code);
}
