/** Which handler a call comes from: what waits for a handler must not be waited for inside it. */

import { AsyncLocalStorage } from "node:async_hooks";

import type { WriteLock } from "./lock.js";

interface Running {
  /** The worker and the inbox that the handler runs for. */
  readonly owners: readonly unknown[];
  readonly transaction: { holds(lock: WriteLock): boolean; letGo?(): void };
  ended: boolean;
}

const current = new AsyncLocalStorage<Running>();

/** Runs a handler. */
export async function runningFor<T>(owners: readonly unknown[], transaction: Running["transaction"], work: () => Promise<T>): Promise<T> {
  const running: Running = { owners, transaction, ended: false };
  try {
    return await current.run(running, work);
  } finally {
    // What the handler has set going, a timer for instance, still has it as its origin.
    running.ended = true;
  }
}

/** As `runningFor`, for calls one after the other: `in` runs one, and `end` says that the handlers have come to their end. */
export function running(owners: readonly unknown[], transaction: Running["transaction"]): { in: <T>(work: () => T) => T; end: () => void } {
  const running: Running = { owners, transaction, ended: false };
  return { in: (work) => current.run(running, work), end: () => void (running.ended = true) };
}

/** To be called before something waits for the write lock: a handler that has not used its transaction does not keep it for others. */
export function letGo(): void {
  const running = current.getStore();
  if (running !== undefined && !running.ended) running.transaction.letGo?.();
}

/** Whether this is called from inside a handler of that worker or inbox that has not come to its end. */
export function isInHandlerOf(owner: unknown): boolean {
  const running = current.getStore();
  return running !== undefined && !running.ended && running.owners.includes(owner);
}

/** Whether this is called from inside a handler whose transaction holds that lock: it would wait for itself. */
export function holdsLock(lock: WriteLock): boolean {
  const running = current.getStore();
  return running !== undefined && !running.ended && running.transaction.holds(lock);
}
