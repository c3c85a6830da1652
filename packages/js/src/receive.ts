/** The words of receiving: a request as it came in, and what became of it. */

import type { SqlValue } from "./driver.js";

/** Headers as an object, as pairs in the order of arrival, or as the `Headers` of a fetch request. */
export type HeadersInput = Record<string, string | string[] | undefined> | Iterable<readonly [string, string]>;

/** One HTTP request. */
export interface IncomingRequest {
  /** Default `"POST"`. */
  method?: string;
  /** The URL as the sender knows it; some providers sign it. Default `"/"`. */
  url?: string;
  headers: HeadersInput;
  /** The raw bytes, or text in UTF-8. Never a parsed and re-serialised body: its signature would not match. */
  body?: Uint8Array | ArrayBuffer | string | null;
  /** Reading stopped at the size limit and `body` is only the beginning. */
  truncated?: boolean;
}

/** What became of a receipt. */
export type Outcome = "accepted" | "duplicate" | "invalid" | "handshake" | "too_large" | "disabled" | "limited";

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

/** Headers as `knocker_receive` takes them: pairs keep what came more than once. */
export function headersForSql(headers: HeadersInput): unknown {
  if (Symbol.iterator in headers) return [...(headers as Iterable<readonly [string, string]>)];
  return headers;
}

/** The request argument of `knocker_receive`. */
export function requestForSql(request: IncomingRequest): string {
  const { method = "POST", url = "/", headers, truncated } = request;
  return JSON.stringify({ method, url, headers: headersForSql(headers), ...(truncated ? { truncated } : {}) });
}

/** The body argument: bytes stay bytes. */
export function bodyForSql(body: IncomingRequest["body"]): SqlValue {
  if (body === undefined) return null;
  return body instanceof ArrayBuffer ? new Uint8Array(body) : body;
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
