/** What a handler can say besides "done" and "failed". Each one takes back what the handler wrote. */

/** A year: what `retry_after_s` of the SQL contract takes. */
const LONGEST_RETRY_S = 31_536_000;

/** Try the event again, after a time of the handler's choice instead of the endpoint's backoff. Counts as an attempt. */
export class Retry extends Error {
  /** Seconds until the next attempt; undefined for the endpoint's backoff. */
  readonly after: number | undefined;

  constructor({ after, reason = "the handler asked for another attempt" }: { after?: number; reason?: string } = {}) {
    if (after !== undefined && !(after >= 0 && after <= LONGEST_RETRY_S))
      throw new RangeError(`Retry: after ${after} is not 0 to ${LONGEST_RETRY_S} seconds`);
    super(reason);
    this.name = "Retry";
    this.after = after;
  }
}

/** The event is of no interest: it becomes `ignored`. */
export class Ignore extends Error {
  constructor(reason = "the handler ignored it") {
    super(reason);
    this.name = "Ignore";
  }
}

/** The event can never be handled: it becomes `dead` without further attempts. */
export class Dead extends Error {
  constructor(reason = "the handler gave up") {
    super(reason);
    this.name = "Dead";
  }
}
