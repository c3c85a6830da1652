/**
 * Judging: everything that needs a request and the secrets, done before the transaction. It costs what the sender of the request makes it cost, and in this
 * runtime it holds up the event loop. So small requests go first, and large ones, one a turn, get a bounded share of the time: two strangers who send nothing but
 * the dearest requests there are must not be felt by anybody else.
 */

import type { SqlValue } from "./driver.js";
import { selectOf } from "./statements.js";

/** Requests of more bytes are heavy. */
const HEAVY_BYTES = 64 * 1024;

/** After a heavy one, no other for so many times its duration while small ones come: a tenth of the time is theirs. */
const REST = 9;

/** How requests of one kind are judged and stored. Made once: texts that are put together for each request cost more than reading it. */
export interface Ways {
  /** What messages call it: the function that does both. */
  readonly name: string;
  /** The statement that judges. */
  readonly judge: string;
  /** The one that judges and stores, with a short transaction of its own. */
  readonly whole: string;
}

/** @param count how many arguments both functions take, besides the clock. */
export function waysOf(judge: string, whole: string, count: number): Ways {
  return { name: whole, judge: selectOf(judge, count), whole: selectOf(whole, count) };
}

/** What is to be judged, and stored after it. */
export interface ToJudge {
  readonly endpoint: string;
  readonly ways: Ways;
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

/** Whether a request of so many bytes is one of those that wait for their share. */
export function isHeavy(bytes: number): boolean {
  return bytes > HEAVY_BYTES;
}

/** The heavy requests that wait to be judged, and those that wait to be stored. */
export class HeavyQueue<Item> {
  readonly #waiting: Item[] = [];
  readonly #judged: { item: Item; until: number }[] = [];
  #notBefore = -Infinity;

  get length(): number {
    return this.#waiting.length + this.#judged.length;
  }

  add(item: Item): void {
    this.#waiting.push(item);
  }

  /**
   * Milliseconds until one of them may go on; 0 now, Infinity where none waits.
   * @param isAlone whether no small request has come lately: then nobody would gain by waiting.
   */
  waitMs(isAlone: boolean): number {
    if (this.#waiting.length > 0 && isAlone) return 0;
    const judging = this.#waiting.length > 0 ? this.#notBefore : Infinity;
    return Math.max(0, Math.min(judging, this.#judged[0]?.until ?? Infinity) - performance.now());
  }

  /**
   * Judges the next one if its time has come, and pays for it with time.
   * @param judge says whether there is something to be stored.
   * @param isAlone whether no small request has come lately: there will be no group to join, and no time to pay with.
   */
  run(judge: (item: Item) => boolean, isAlone: boolean): void {
    const start = performance.now();
    if (this.#waiting.length === 0 || (start < this.#notBefore && !isAlone)) return;
    const item = this.#waiting.shift()!;
    const stored = judge(item);
    const end = performance.now();
    this.#notBefore = end + REST * (end - start);
    if (stored) this.#judged.push({ item, until: isAlone ? end : this.#notBefore });
  }

  /**
   * Takes the next one that is judged and to be stored. In a group of others at once; a commit of its own, which others would have to wait for, only where there was
   * no such group for a while.
   */
  next(isInCompany: boolean): Item | undefined {
    const first = this.#judged[0];
    if (!first || (!isInCompany && performance.now() < first.until)) return undefined;
    this.#judged.shift();
    return first.item;
  }

  /** Gives back what did not fit. */
  unshift(item: Item): void {
    this.#judged.unshift({ item, until: -Infinity });
  }
}
