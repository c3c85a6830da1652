// The oracles, and the clock of their libraries.

import { mock } from "node:test";

import { NOW_MS } from "../case.js";
import { loadAll } from "../oracle.js";
import { writeAtExit } from "../record.js";

/** Every oracle, loaded before the clock is frozen. */
export const oracles = await loadAll();

writeAtExit(oracles);
mock.timers.enable({ apis: ["Date"], now: NOW_MS });

/** What `action` answers while the clock stands at `nowMs`. */
export async function at(nowMs, action) {
  mock.timers.setTime(nowMs);
  try {
    return await action();
  } finally {
    mock.timers.setTime(NOW_MS);
  }
}
