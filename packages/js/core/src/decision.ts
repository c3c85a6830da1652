/** What a handler can say besides "done" and "failed". Each one takes back what the handler wrote. */

import { textOf } from "./thrown-text.js";
import { knockerError } from "./errors.js";

/** Thirty days: what `retry_after_s` of the SQL contract takes. */
const LONGEST_RETRY_S = 2_592_000;

/** Try the event again, after a time of the handler's choice instead of the endpoint's backoff. Counts as an attempt. */
export class Retry extends Error {
  /** Seconds until the next attempt; undefined for the endpoint's backoff. */
  readonly after: number | undefined;

  /** @throws InvalidArgumentError where `after` is no number of seconds: a decision that cannot be written would leave the event to its lease. */
  constructor(options: { after?: number | undefined; reason?: string } = {}) {
    if (typeof options !== "object" || options === null) {
      throw knockerError("invalid_argument", `Retry: takes { after, reason }, not ${textOf(options)}`);
    }
    const { after, reason = "the handler asked for another attempt" } = options;
    if (after !== undefined && !(typeof after === "number" && after >= 0 && after <= LONGEST_RETRY_S)) {
      const given = typeof after === "string" ? JSON.stringify(after) : textOf(after);
      throw knockerError("invalid_argument", `Retry: after must be a number of seconds, 0 to ${LONGEST_RETRY_S}, not ${given}`);
    }
    super(textOf(reason));
    this.name = "Retry";
    this.after = after;
  }
}

/** The event is of no interest: it becomes `ignored`. */
export class Ignore extends Error {
  constructor(reason = "the handler ignored it") {
    super(textOf(reason));
    this.name = "Ignore";
  }
}

/** The event can never be handled: it becomes `dead` without further attempts. */
export class Dead extends Error {
  constructor(reason = "the handler gave up") {
    super(textOf(reason));
    this.name = "Dead";
  }
}
