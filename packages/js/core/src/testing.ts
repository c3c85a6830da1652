/** For tests of an application: signed requests, a clock that stands still, and the queue worked off at once. */

import { check, checkObject, jsonOf, type Rule, type Shape, TEXT, TIME, ANYTHING } from "./check.js";
import type { Connection, Driver } from "./driver.js";
import { loadablePath, loadOn } from "./library.js";
export { type Attempted, drain, type Drained } from "./drain.js";
export { onFile, type OnFile } from "./isolation.js";
import { bodyForSql, type WebhookRequest, requestForSql } from "./request.js";

/** A clock for `open(path, { now: clock })`. */
export interface FrozenClock {
  /** The time in Unix milliseconds. */
  (): number;
  /** Moves it on by so many milliseconds. */
  advanceMs(durationMs: number): void;
  /** Sets it. */
  set(time: Date | number): void;
}

/** A clock that stands still until it is moved. Starts at 2026-01-01T00:00:00Z unless told otherwise. */
export function frozenClock(start: Date | number = Date.UTC(2026, 0, 1)): FrozenClock {
  const clock = Object.assign(() => time, {
    advanceMs: (durationMs: number) => clock.set(time + durationMs),
    set: (to: Date | number) => {
      check("frozenClock", "the time", to, TIME);
      time = Number(to);
    },
  });
  let time: number;
  clock.set(start);
  return clock;
}

/** What to sign besides the body. */
export interface SignOptions {
  /** Default `"POST"`. */
  method?: string;
  /** The URL as the provider knows it. Default `"/"`. */
  url?: string;
  /** Headers of the request; the signature's are added. A content type of JSON is assumed. */
  headers?: Record<string, string>;
  /** Options of the provider, as the endpoint has them. */
  options?: Record<string, unknown>;
  /** The time of signing in Unix milliseconds, or a clock that tells it. Default: the system's. */
  now?: number | (() => number);
}

const TIME_OR_CLOCK: Rule = { what: `${TIME.what}, or a clock`, allows: (value) => typeof value === "function" || TIME.allows(value) };

const SIGN_OPTIONS: Shape = { method: ANYTHING, url: ANYTHING, headers: ANYTHING, options: ANYTHING, now: TIME_OR_CLOCK };

/** A request as the provider would send it: for `endpoint.receive`, `fetch` and every HTTP client. */
export interface SignedRequest extends WebhookRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: Uint8Array | string;
}

const scratches = new Map<unknown, Map<string, Connection<object>>>();

/** Signs on a connection of its own, one for each driver and library. */
export function signWith(
  driver: Driver<object>,
  extension: string | undefined,
  ...request: [provider: string, body: Uint8Array | ArrayBuffer | string | object, secret: string, options: SignOptions]
): SignedRequest {
  const path = loadablePath(extension);
  const known = scratches.get(driver.library) ?? new Map<string, Connection<object>>();
  scratches.set(driver.library, known);
  let scratch = known.get(path);
  if (!scratch) {
    scratch = driver.open(":memory:");
    loadOn(scratch, path);
    known.set(path, scratch);
  }
  return signOn(scratch, ...request);
}

function signOn(
  connection: Connection<object>,
  provider: string,
  body: Uint8Array | ArrayBuffer | string | object,
  secret: string,
  options: SignOptions,
): SignedRequest {
  checkObject("sign", options, SIGN_OPTIONS);
  const { method = "POST", url = "/", headers = {}, now = null } = options;
  check("sign", "provider", provider, TEXT);
  check("sign", "secret", secret, TEXT);
  const isRaw = typeof body === "string" || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
  const bytes = isRaw ? (bodyForSql("sign", body) as Uint8Array | string) : jsonOf("sign", body);
  const request: SignedRequest = { method, url, headers: { "content-type": "application/json", ...headers }, body: bytes };
  const row = connection.get(
    "SELECT knocker_sign(?, ?, ?, ?, ?, ?) AS signed",
    provider,
    jsonOf("sign", options.options ?? {}),
    requestForSql(request),
    bytes,
    secret,
    typeof now === "function" ? now() : now,
  );
  const signed = JSON.parse(row!["signed"] as string) as { headers: Record<string, string>; url: string | null; body: string | null };
  return {
    ...request,
    url: signed.url ?? url,
    body: signed.body ?? bytes,
    headers: { ...request.headers, ...signed.headers },
  };
}
