/** Metrics: what a process counts of its own, and what serves all of them. What they say is the library's affair. */

import { RECEIVE_BOUNDS_US } from "./contract.js";

/** How long receipts took, by endpoint, from the call to the commit. */
export class ReceiveDurations {
  readonly #taken = new Map<string, { within: number[]; sum_us: number }>();

  /** Counts one that began at that moment of `performance.now()`. */
  add(endpoint: string, startedMs: number): void {
    const tookUs = Math.max(0, Math.round((performance.now() - startedMs) * 1000));
    let taken = this.#taken.get(endpoint);
    if (!taken) {
      taken = { within: new Array<number>(RECEIVE_BOUNDS_US.length + 1).fill(0), sum_us: 0 };
      this.#taken.set(endpoint, taken);
    }
    const at = RECEIVE_BOUNDS_US.findIndex((bound) => tookUs <= bound);
    taken.within[at < 0 ? RECEIVE_BOUNDS_US.length : at]! += 1;
    taken.sum_us += tookUs;
  }

  /** As the library takes it. */
  toJSON(): Record<string, { within: number[]; sum_us: number }> {
    return Object.fromEntries(this.#taken);
  }
}
