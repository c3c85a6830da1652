/** A request as it came in, and as the SQL functions take it. */

import { ANYTHING, checkObject, jsonOf, type Shape } from "./check.js";
import type { SqlValue } from "./driver.js";
import { knockerError } from "./errors.js";
import type { Headers } from "./event.js";
import { textOf } from "./thrown-text.js";

/** Headers as an object, as pairs in the order of arrival, or as the `Headers` of a fetch request. */
export type HeadersInput = Record<string, string | string[] | undefined> | Iterable<readonly [string, string]>;

/** One HTTP request. */
export interface WebhookRequest {
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

const REQUEST: Shape = { method: ANYTHING, url: ANYTHING, headers: ANYTHING, body: ANYTHING, truncated: ANYTHING };

/** @throws UsageError where this is no request. */
export function checkRequest(where: string, request: unknown): void {
  const headers = (request as WebhookRequest | null | undefined)?.headers;
  if (typeof headers !== "object" || headers === null) {
    throw knockerError(
      "usage",
      `${where}: takes a request { method, url, headers, body }; headers must be an object or pairs of name and value`,
    );
  }
  checkObject(where, request, REQUEST);
}

/** Headers as `knocker_receive` takes them, with those that the receive has added: pairs keep what came more than once. */
export function headersForSql(headers: HeadersInput, added: readonly [string, string][] = []): unknown {
  if (Symbol.iterator in headers) return [...(headers as Iterable<readonly [string, string]>), ...added];
  if (added.length === 0) return headers;
  const own = Object.fromEntries(added);
  // A sender may have used such a name, in any case; the added one comes last.
  const given = Object.entries(headers).map(([name, value]) => [
    name,
    name.toLowerCase() in own ? [value ?? [], take(own, name)].flat() : value,
  ]);
  return { ...Object.fromEntries(given), ...own };
}

function take(own: Record<string, string>, name: string): string {
  const value = own[name.toLowerCase()]!;
  delete own[name.toLowerCase()];
  return value;
}

/** Headers that can be read more than once. */
export function keptHeaders(headers: HeadersInput): HeadersInput {
  return "next" in headers && Symbol.iterator in headers ? [...(headers as Iterable<readonly [string, string]>)] : headers;
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
export function requestForSql(request: WebhookRequest, added: readonly [string, string][] = []): string {
  const { method = "POST", url = "/", headers, truncated } = request;
  return jsonOf("request", { method, url, headers: headersForSql(headers, added), ...(truncated ? { truncated } : {}) });
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
export function bodySize(request: WebhookRequest): number {
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
