/**
 * Judging: everything that needs a request and the secrets, done before the transaction. It costs what the sender of the request makes it cost, and in this
 * runtime it holds up the event loop. So small requests go first, and large ones, one a turn, get a bounded share of the time: two strangers who send nothing but
 * the dearest requests there are must not be felt by anybody else.
 */

import type { SqlValue } from "./driver.js";

/** Requests of more bytes are heavy. */
const HEAVY_BYTES = 64 * 1024;

/** After a heavy one, no other for so many times its duration: a fifth of the time is theirs. */
const REST = 4;

/** What is to be judged, and stored after it. */
export interface ToJudge {
  readonly endpoint: string;
  /** The statement that judges. */
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
  /** The time of the call: the judgement and its storing have the same. */
  readonly now: number | null;
}

/** How many bytes the parameters of a statement hold, about. */
export function bytesOf(parameters: readonly SqlValue[]): number {
  let bytes = 0;
  for (const value of parameters) {
    if (typeof value === "string") bytes += value.length;
    else if (value instanceof Uint8Array) bytes += value.byteLength;
  }
  return bytes;
}

/** Whether a request is one of those that wait for their share. */
export function isHeavy(parameters: readonly SqlValue[]): boolean {
  return bytesOf(parameters) > HEAVY_BYTES;
}

/** The heavy requests that wait. */
export class HeavyQueue<Item> {
  readonly #waiting: Item[] = [];
  #notBefore = -Infinity;

  get length(): number {
    return this.#waiting.length;
  }

  add(item: Item): void {
    this.#waiting.push(item);
  }

  /** Milliseconds until the next one may be judged; 0 now, Infinity where none waits. */
  get waitMs(): number {
    if (this.#waiting.length === 0) return Infinity;
    return Math.max(0, this.#notBefore - performance.now());
  }

  /** Judges the next one, and pays for it with time. */
  run(judge: (item: Item) => void): void {
    const item = this.#waiting.shift();
    if (item === undefined) return;
    const start = performance.now();
    judge(item);
    const end = performance.now();
    this.#notBefore = end + REST * (end - start);
  }
}
