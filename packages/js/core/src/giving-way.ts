/**
 * When a worker leaves the write lock to others.
 *
 * Whoever waits for it is not seen: SQLite looks whether it is free after 1, 2, 5, 10, 15, 20 and 25 milliseconds, then less and less often, and sleeps in between.
 * Beside a backlog, whose worker takes the lock again at once, hardly any of those looks would find it free.
 */

/** Where nobody else is known to write: a tenth of the time that it was held, so that the first one comes through. No timer takes less than a millisecond. */
const SHARE = 0.1;
const LEAST_HELD_MS = 10;
const LONGEST_MS = 5;

/** Where others write: for as long as there is between two looks of the first eighth of a second, and several times in that. */
const HELD_MS = 60;
const TURN_MS = 25;

/** Others are known for so long after they have written. */
const KNOWN_MS = 10_000;

/** What tells who has written. */
export interface Commits {
  nowMs(): number;
  /** Another number when a connection has committed something that is not this one. */
  version(): number;
  /** How many the worker has made on other connections than this one. */
  own(): number;
  /** Whether somebody else holds the write lock at this moment. */
  isHeld(): boolean;
}

/** Of one worker. */
export class GivingWay {
  readonly #commits: Commits;
  #seen: { version: number; own: number } | undefined;
  #heldMs = 0;
  #othersUntilMs = -Infinity;

  constructor(commits: Commits) {
    this.#commits = commits;
    this.#seen = this.#now();
  }

  /** Notes whether others have written since the last look. Where the worker has, too, nobody can tell: so look before it does, and after it. */
  look(): void {
    const [before, now] = [this.#seen, this.#now()];
    if (before && now && now.version !== before.version && now.own === before.own) this.#othersUntilMs = this.#commits.nowMs() + KNOWN_MS;
    this.#seen = now;
  }

  /**
   * A pause is over, in which others may have begun to write. Where a sync takes longer than the pause did, they are not through yet: their commit is seen only
   * after one of the worker's own, when nobody can tell any more whose it was.
   */
  paused(): void {
    this.look();
    if (this.#commits.isHeld()) this.#othersUntilMs = this.#commits.nowMs() + KNOWN_MS;
  }

  #now(): { version: number; own: number } | undefined {
    try {
      return { version: this.#commits.version(), own: this.#commits.own() };
    } catch {
      // It is met by whatever that connection is used for next.
      return undefined;
    }
  }

  /** The lock has been held for so long since the last call: for how long it is to be left alone now, in milliseconds. Look before that, and after it. */
  after(heldMs: number): number {
    this.#heldMs += heldMs;
    const othersWrite = this.#commits.nowMs() < this.#othersUntilMs;
    if (this.#heldMs < (othersWrite ? HELD_MS : LEAST_HELD_MS)) return 0;
    const pauseMs = othersWrite ? TURN_MS : Math.min(LONGEST_MS, this.#heldMs * SHARE);
    this.#heldMs = 0;
    return pauseMs;
  }
}
