/** Which handler a call comes from: what waits for a handler must not be waited for inside it. */

import { AsyncLocalStorage } from "node:async_hooks";

interface Running {
  /** The worker and the inbox that the handler runs for. */
  readonly owners: readonly unknown[];
  ended: boolean;
}

const current = new AsyncLocalStorage<Running>();

/** Runs a handler. */
export async function runningFor<T>(owners: readonly unknown[], work: () => Promise<T>): Promise<T> {
  const running: Running = { owners, ended: false };
  try {
    return await current.run(running, work);
  } finally {
    // What the handler has set going, a timer for instance, still has it as its origin.
    running.ended = true;
  }
}

/** Whether this is called from inside a handler of that worker or inbox that has not come to its end. */
export function isInHandlerOf(owner: unknown): boolean {
  const running = current.getStore();
  return running !== undefined && !running.ended && running.owners.includes(owner);
}
