/** Runs jobs that are at hand on one connection: the first one alone, or as many as may share its commit. */

import type { AttemptRunner, ClaimNext } from "./attempt.js";
import type { Inbox } from "./inbox.js";
import { type Ended, SharedAttempts, sharing, type Wanted } from "./shared-attempts.js";

/** A connection that handlers run on, one batch at a time. */
export class BatchRunner<Db extends object> {
  /** What runs one job. */
  readonly runner: AttemptRunner<Db>;
  readonly #inbox: Inbox<Db>;
  readonly #claimNext: ClaimNext<Db>;

  /** @param claimNext may lease further jobs with the commit of a batch. */
  constructor(inbox: Inbox<Db>, runner: AttemptRunner<Db>, claimNext: ClaimNext<Db> = () => () => {}) {
    this.#inbox = inbox;
    this.runner = runner;
    this.#claimNext = claimNext;
  }

  /** How many of the jobs the next batch begins with. */
  size(jobs: readonly Wanted<Db>[], shareCommits: boolean): number {
    // A database in memory has one connection, and the lock is not to be waited for in the middle of a batch.
    const shares = shareCommits && !this.#inbox.inMemory && !this.#inbox.lock.heldByOther();
    return shares ? sharing(this.#inbox, jobs) : 1;
  }

  /** Handles them from the first one on, as many as go together, and returns what became of each. This never throws. */
  async runBatch(jobs: readonly Wanted<Db>[], goesOn: () => boolean, shareCommits: boolean): Promise<Ended[]> {
    const size = this.size(jobs, shareCommits);
    if (size > 1) return new SharedAttempts(this.#inbox, this.runner).run(jobs.slice(0, size), goesOn, this.#claimNext);
    const [{ job, handlers }] = jobs as [Wanted<Db>];
    const end = await this.runner.run(job, handlers);
    return [{ job, end, tookMs: this.runner.tookMs }];
  }

  /** For how long its commits have held the write lock since the last call, in milliseconds. */
  takeHeldMs(): number {
    const { heldMs } = this.runner;
    this.runner.heldMs = 0;
    return heldMs;
  }

  close(): void {
    this.runner.close();
  }
}
