/** What an operator should hear of although nothing failed: requests that their senders may never send again. */

import type { Inbox } from "./inbox.js";

/** A warning about the requests of one endpoint. */
export interface Warning {
  /** `too_large`: answered 413 and stored without its body. `limited`: refused, and only counted. */
  code: "too_large" | "limited";
  /** One sentence that says what to change. */
  message: string;
  endpoint: string;
  /** The size of the body in bytes, as far as it is known. */
  size: number;
  /** The setting of the endpoint that made it so. */
  setting: string;
  /** Its value, where it is one number. */
  limit: number | null;
  /** How many of the same kind came since the last warning and were not told. */
  untold: number;
}

/** Receives a warning. What it throws ends nothing. */
export type OnWarning = (warning: Warning) => unknown;

/** What an adapter knows of a receipt worth a warning. */
export interface WarningOfReceipt {
  code: Warning["code"];
  /** The receipt's own sentence. */
  detail: string | null;
  size: number;
}

/** Between two warnings of one kind: strangers must not be able to fill a log. */
const EVERY_MS = 60_000;

/** The settings that bound refused requests. */
const BOUNDS = "invalidPerHour, maxRefused, maxRefusedBytes";

/** The warnings of one `Hooks`. */
export class Warnings {
  readonly #inbox: Pick<Inbox<object>, "now" | "report">;
  readonly #onWarning: OnWarning;
  readonly #last = new Map<string, { at: number; untold: number }>();

  constructor(inbox: Pick<Inbox<object>, "now" | "report">, onWarning: OnWarning = ({ message }) => console.warn(`knocker: ${message}`)) {
    this.#inbox = inbox;
    this.#onWarning = onWarning;
  }

  /** Tells it, unless one of its kind was told within the last minute. */
  tell(endpoint: string, { code, detail, size }: WarningOfReceipt, maxBodyBytes: number): void {
    const now = this.#inbox.now() ?? Date.now();
    const key = `${code} ${endpoint}`;
    const last = this.#last.get(key);
    if (last && Math.abs(now - last.at) < EVERY_MS) {
      last.untold += 1;
      return;
    }
    this.#last.set(key, { at: now, untold: 0 });
    const untold = last?.untold ?? 0;
    const more = untold > 0 ? ` (and ${untold} more since the last warning)` : "";
    const warning: Warning =
      code === "too_large"
        ? {
            ...{ code, endpoint, size, setting: "maxBodyBytes", limit: maxBodyBytes, untold },
            message: `endpoint ${JSON.stringify(endpoint)} answered 413 to a body of ${size} bytes${more}: its maxBodyBytes is ${maxBodyBytes}. Some senders never try again; raise it if this one is genuine`,
          }
        : {
            ...{ code, endpoint, size, setting: BOUNDS, limit: null, untold },
            message: `endpoint ${JSON.stringify(endpoint)} only counted a refused request${more}: ${detail ?? "its bound is reached"}. The settings are ${BOUNDS}`,
          };
    try {
      const told = this.#onWarning(warning);
      if (told instanceof Promise) told.catch((error: unknown) => this.#inbox.report(error));
    } catch (error) {
      this.#inbox.report(error);
    }
  }
}
