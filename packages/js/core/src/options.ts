/** How a database is opened. */

import { checkObject, FLAG, FUNCTION, oneOf, POSITIVE, type Rule, type Shape, show, SIZE, TEXT } from "./check.js";
import { knockerError } from "./errors.js";
import { PUBLIC_URL } from "./http/url.js";
import type { Logger } from "./log.js";
import type { OnDead, OnError } from "./telling.js";

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
  /**
   * The path of the control socket of a Litestream that replicates the file: a receipt is answered once the replica has it. One that it does not get in time is
   * stored, and answered with 503 (`NotReplicatedError`); what the sender sends again is a duplicate. Default: nobody waits for a replica.
   */
  replicated?: string;
  /** How long a receipt waits for the replica, in milliseconds. Default 5000. */
  replicatedTimeoutMs?: number;
  /** Where senders reach this server, `https://example.com` with the path that a proxy strips. Default: what the request says. */
  publicUrl?: string;
  /**
   * Believe `X-Forwarded-Proto` and `X-Forwarded-Host`, of several entries the last, which the proxy in front of this server has written. Only behind a proxy
   * that sets both and that nobody can go round. Default false.
   */
  trustProxy?: boolean;
  /** The clock, in Unix milliseconds. For tests; default: the system's. */
  now?: () => number;
  /**
   * Where failures, dead events and refused requests are written: pino, winston, or whatever else has `debug`, `info`, `warn` and `error`. Default: warnings and
   * errors to the console; `false` for silence. No line holds a body or a secret.
   */
  logger?: Logger | false;
  /** Told of each failed attempt, and of what else went wrong where no caller sees it. The log has it too. */
  onError?: OnError;
  /** Told of each event that is dead now. The log has it too. */
  onDead?: OnDead;
}

const LEVELS = ["debug", "info", "warn", "error"] as const;

const OPTIONS: Shape = {
  extension: TEXT,
  synchronous: oneOf(["full", "normal"]),
  busyTimeoutMs: SIZE,
  replicated: { what: "the path of Litestream's control socket", allows: (value) => typeof value === "string" && value.trim() !== "" },
  replicatedTimeoutMs: POSITIVE,
  publicUrl: PUBLIC_URL,
  trustProxy: FLAG,
  now: FUNCTION,
  logger: {
    what: "false, or an object with the functions debug, info, warn and error",
    allows: (value) => value === false || LEVELS.every((level) => typeof (value as Logger | null)?.[level] === "function"),
  },
  onError: FUNCTION,
  onDead: FUNCTION,
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
  if (/^rqlites?:/i.test(path)) {
    throw knockerError("usage", "open(path): path names nodes of rqlite, which @knocker/node alone can store in");
  }
  if (/^file:/i.test(path)) {
    throw knockerError("usage", `open(path): ${show(path)} is a URL, and the drivers do not agree on those: give the file's path`);
  }
}

/** @throws UsageError where an option cannot be meant. */
export function checkOptions(where: string, options: OpenOptions): void {
  checkObject(where, options, OPTIONS);
}
