/** What a worker says about an attempt, as a call of the SQL contract. */

import { Dead, Ignore, Retry } from "./decision.js";
import type { SqlValue } from "./driver.js";
import { describeThrown, textOf } from "./thrown-text.js";

/** A function, and its arguments between the worker's name and the clock. */
export interface Verdict {
  name: "knocker_handled" | "knocker_skipped" | "knocker_failed";
  /** `durationMs` is how long the handlers took. */
  parameters(durationMs: number): SqlValue[];
}

/** The handlers have returned. */
export const HANDLED: Verdict = { name: "knocker_handled", parameters: (durationMs) => [durationMs] };

/** The attempt failed. */
export function failed(error: string, options: object = {}): Verdict {
  return { name: "knocker_failed", parameters: (durationMs) => [error, durationMs, JSON.stringify(options)] };
}

/** What a handler threw. */
export function verdictOn(error: unknown): Verdict {
  if (error instanceof Ignore) {
    const reason = textOf(error.message);
    return { name: "knocker_skipped", parameters: (durationMs) => [reason, durationMs] };
  }
  if (error instanceof Retry) return failed(textOf(error.message), error.after === undefined ? {} : { retry_after_s: error.after });
  if (error instanceof Dead) return failed(textOf(error.message), { dead: true });
  return failed(describeThrown(error));
}

/** What became of the event by that: `result` is what the function gave. */
export function statusOf(verdict: Verdict, result: SqlValue | undefined): "handled" | "ignored" | "failed" | "dead" {
  if (verdict.name === "knocker_handled") return "handled";
  if (verdict.name === "knocker_skipped") return "ignored";
  return (JSON.parse(result as string) as { status: "failed" | "dead" | "ignored" }).status;
}
