/** The words of receiving: a request as it came in, and what became of it. */

import { ANYTHING, jsonOf, type Shape } from "./check.js";
import { textOf } from "./describe.js";
import type { SqlValue } from "./driver.js";
import { knockerError } from "./errors.js";
import type { Headers } from "./event.js";

/** Headers as an object, as pairs in the order of arrival, or as the `Headers` of a fetch request. */
export type HeadersInput = Record<string, string | string[] | undefined> | Iterable<readonly [string, string]>;

/** One HTTP request. */
export interface IncomingRequest {
  /** Default `"POST"`. */
  method?: string;
  /** The URL as the sender knows it; some providers sign it. Default `"/"`. */
  url?: string;
  headers: HeadersInput;
  /**
   * The raw bytes, or text in UTF-8. Never a parsed and re-serialised body: its signature would not match. Bytes are read when they are stored, so
   * a buffer must not be written to again before the promise settles.
   */
  body?: Uint8Array | ArrayBuffer | string | null;
  /** Reading stopped at the size limit and `body` is only the beginning. */
  truncated?: boolean;
}

/** What became of a receipt. */
export type Outcome = (typeof OUTCOMES)[number];

/** Every `Outcome`. */
export const OUTCOMES = ["accepted", "duplicate", "invalid", "handshake", "too_large", "disabled", "limited"] as const;

/** Why a receipt was refused. */
export type Reason =
  "missing_header" | "malformed_header" | "bad_signature" | "timestamp_out_of_tolerance" | "malformed_body" | "no_secret" | "not_allowed";

/** What the sender gets to see. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** What became of one request. */
export interface Receipt {
  /** Null where the receipt was only counted. */
  deliveryId: number | null;
  outcome: Outcome;
  /** The first of `events`, or null. */
  eventId: number | null;
  events: { id: number; duplicate: boolean }[];
  reason: Reason | null;
  /** One sentence for the person who reads it. */
  detail: string | null;
  response: Reply;
}

/** Whether a request is what it claims to be. */
export interface Verdict {
  valid: boolean;
  kind: "delivery" | "handshake" | null;
  reason: Reason | null;
  /** One sentence for the person who reads it. */
  detail: string | null;
  /** One for a single event, several for a batch. `key` is the identity that dedupe uses; null where the event is always new. */
  items: { type: string | null; key: string | null }[];
  /** What the provider would get to see. */
  response: Reply;
}

/** What a caller that has verified a request itself says of it. */
export interface IngestFields {
  /** Only `true` creates an event. */
  valid: boolean;
  type?: string;
  /** The identity that dedupe uses, before the provider's ids. */
  key?: string;
  reason?: Reason;
  detail?: string;
  providerEventId?: string;
  providerDeliveryId?: string;
  method?: string;
  url?: string;
  headers?: HeadersInput;
}

/** The keys of `IngestFields`. */
export const INGEST_FIELDS: Shape = {
  valid: ANYTHING,
  type: ANYTHING,
  key: ANYTHING,
  reason: ANYTHING,
  detail: ANYTHING,
  providerEventId: ANYTHING,
  providerDeliveryId: ANYTHING,
  method: ANYTHING,
  url: ANYTHING,
  headers: { what: "an object or pairs of name and value", allows: (value) => typeof value === "object" && value !== null },
};

/** @throws UsageError where this is no request. */
export function checkRequest(where: string, request: unknown): void {
  const headers = (request as IncomingRequest | null | undefined)?.headers;
  if (typeof headers === "object" && headers !== null) return;
  throw knockerError(
    "usage",
    `${where}: takes a request { method, url, headers, body }; headers must be an object or pairs of name and value`,
  );
}

/** Headers as `knocker_receive` takes them: pairs keep what came more than once. */
export function headersForSql(headers: HeadersInput): unknown {
  if (Symbol.iterator in headers) return [...(headers as Iterable<readonly [string, string]>)];
  return headers;
}

/** Headers by name, in lower case: one that came more than once as an array. */
export function namedHeaders(headers: HeadersInput): Headers {
  const pairs = Symbol.iterator in headers ? (headers as Iterable<readonly [string, string]>) : Object.entries(headers);
  const named: Headers = Object.create(null) as Headers;
  for (const [name, value] of pairs) {
    if (value === undefined) continue;
    const key = name.toLowerCase();
    named[key] = named[key] === undefined ? value : [named[key], value].flat();
  }
  return named;
}

/** The request argument of `knocker_receive`. */
export function requestForSql(request: IncomingRequest): string {
  const { method = "POST", url = "/", headers, truncated } = request;
  return jsonOf("request", { method, url, headers: headersForSql(headers), ...(truncated ? { truncated } : {}) });
}

/**
 * The body argument: bytes stay bytes.
 * @throws BodyConsumedError for what a parser made of the bytes, InvalidArgumentError for everything else that is no body.
 */
export function bodyForSql(where: string, body: unknown): SqlValue {
  if (body === undefined || body === null) return null;
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  const prototype: unknown = typeof body === "object" ? Object.getPrototypeOf(body) : undefined;
  if (prototype === Object.prototype || prototype === null || Array.isArray(body)) {
    throw knockerError("body_consumed", `${where}: body is a parsed object, and signatures are over the raw bytes`);
  }
  const given = typeof body === "object" ? textOf((body as object).constructor?.name ?? "an object") : `a ${typeof body}`;
  throw knockerError(
    "invalid_argument",
    `${where}: body must be bytes or a text, not ${given}: \`await request.arrayBuffer()\` gives them`,
  );
}

/** How large a body is, or says that it is where it was not read to its end. */
export function bodySize(request: IncomingRequest): number {
  const { body, headers, truncated } = request;
  const read = typeof body === "string" ? Buffer.byteLength(body) : (body?.byteLength ?? 0);
  const announced = truncated ? Number(namedHeaders(headers)["content-length"]) : NaN;
  return announced > read ? announced : read;
}

/** The bytes of a body. */
export function bodyBytes(body: unknown): Uint8Array {
  const value = bodyForSql("receive", body);
  return value instanceof Uint8Array ? value : new TextEncoder().encode(value === null ? "" : String(value));
}

/** The result of `knocker_receive` and `knocker_ingest` as SQL writes it. */
interface ReceiptJson {
  delivery_id: number | null;
  outcome: Outcome;
  event_id: number | null;
  events: { id: number; duplicate: boolean }[];
  reason: Reason | null;
  detail: string | null;
  response: Reply;
}

/** Reads the result of `knocker_receive` and `knocker_ingest`. Member by member, because it happens for each request. */
export function readReceipt(result: SqlValue): Receipt {
  const { delivery_id, outcome, event_id, events, reason, detail, response } = JSON.parse(result as string) as ReceiptJson;
  return { deliveryId: delivery_id, outcome, eventId: event_id, events, reason, detail, response };
}
