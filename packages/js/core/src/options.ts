/** How a database is opened. */

import { checkObject, FLAG, FUNCTION, oneOf, type Rule, type Shape, show, SIZE, TEXT } from "./check.js";
import { knockerError } from "./errors.js";
import type { Event } from "./event.js";
import { PUBLIC_URL } from "./http/url.js";
import type { OnWarning } from "./warnings.js";

/** How to open a database. */
export interface OpenOptions {
  /** Path of the loadable library; default: `KNOCKER_EXTENSION`, then the platform package. */
  extension?: string;
  /**
   * `"full"` (default): a receipt is on the disk before its sender gets a 2xx. `"normal"`: faster, and what was accepted in the last moments
   * before a power cut or a crash of the operating system may be lost. A crash of the process alone loses nothing either way.
   */
  synchronous?: "full" | "normal";
  /** How long a write waits for another process's transaction, in milliseconds. Default 5000. */
  busyTimeoutMs?: number;
  /** Where senders reach this server, `https://example.com` with the path that a proxy strips. Default: what the request says. */
  publicUrl?: string;
  /**
   * Believe `X-Forwarded-Proto` and `X-Forwarded-Host`, of several entries the last, which the proxy in front of this server has written. Only behind a proxy
   * that sets both and that nobody can go round. Default false.
   */
  trustProxy?: boolean;
  /** The clock, in Unix milliseconds. For tests; default: the system's. */
  now?: () => number;
  /** Told of what went wrong where no caller sees it: in HTTP handlers, event handlers and workers. Default: `console.error`. */
  onError?: OnError;
  /**
   * Told of requests that are lost although nothing failed: a body over `maxBodyBytes` (413), which some senders never send again, and refused requests beyond
   * what an endpoint keeps. At most once a minute for each endpoint and kind. Default: `console.warn`.
   */
  onWarning?: OnWarning;
}

/** Receives an error, and the event that was being handled, if any. What it throws, or a promise of it rejects with, ends nothing. */
export type OnError = (error: unknown, event?: Event) => unknown;

function logError(error: unknown, event?: Event): void {
  const where = event ? ` event ${event.id} of ${event.endpoint} (${event.type ?? "no type"}), attempt ${event.attempt}:` : "";
  console.error(`knocker:${where}`, error);
}

/** An `OnError` whose own failures end nothing. */
export function reporter(onError: OnError = logError): OnError {
  return (error, event) => {
    const failed = (failure: unknown) => {
      logError(error, event);
      logError(failure, event);
    };
    try {
      const told = onError(error, event);
      if (told instanceof Promise) told.catch(failed);
    } catch (failure) {
      failed(failure);
    }
  };
}

const OPTIONS: Shape = {
  extension: TEXT,
  synchronous: oneOf(["full", "normal"]),
  busyTimeoutMs: SIZE,
  publicUrl: PUBLIC_URL,
  trustProxy: FLAG,
  now: FUNCTION,
  onError: FUNCTION,
  onWarning: FUNCTION,
};

/** What `now` may return. */
export const CLOCK_TIME: Rule = { what: "Unix milliseconds", allows: Number.isFinite };

/**
 * SQLite takes an empty name for a database that is gone when it is closed: receipts would be answered with 200 and be stored nowhere.
 * @throws UsageError
 */
export function checkPath(path: unknown): void {
  if (typeof path !== "string" || path.trim() === "") {
    throw knockerError(
      "usage",
      `open(path): path is ${show(path)}, and must name a file, or ":memory:": an environment variable may be unset`,
    );
  }
  if (/^file:/i.test(path)) {
    throw knockerError("usage", `open(path): ${show(path)} is a URL, and the drivers do not agree on those: give the file's path`);
  }
}

/** @throws UsageError where an option cannot be meant. */
export function checkOptions(where: string, options: OpenOptions): void {
  checkObject(where, options, OPTIONS);
}
