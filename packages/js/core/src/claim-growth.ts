/** How many jobs a worker claims at once: never more than share a commit, whose end claims again. */

import { MOST_EVENTS } from "./shared-commit.js";

/** It takes so many times what the last one has found: a worker that has just begun knows little of how long its handlers take. */
const GROWTH = 2;

/** How much work is claimed ahead, in milliseconds: enough to share a commit among quick handlers, too little to keep jobs from other processes. */
const AHEAD_MS = 50;

/** A recent job counts for so much of what is usual. */
const RECENT = 0.2;

/** What a worker has learned of its handlers and its claims. */
export class ClaimGrowth {
  #usualMs: number | undefined;
  #lastClaimed = 0;

  /** How many to claim where so many are needed at once. */
  wanted(needed: number): number {
    if (this.#usualMs === undefined) return needed;
    const ahead = Math.floor((AHEAD_MS / Math.max(this.#usualMs, 0.5)) * needed);
    return Math.max(needed, Math.min(needed + ahead, GROWTH * this.#lastClaimed, MOST_EVENTS));
  }

  /** A claim has found so many. */
  claimed(count: number): void {
    this.#lastClaimed = count;
  }

  /** The handlers of a job took so long. */
  took(tookMs: number): void {
    this.#usualMs = this.#usualMs === undefined ? tookMs : (1 - RECENT) * this.#usualMs + RECENT * tookMs;
  }
}
