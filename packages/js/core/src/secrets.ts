/** What verifies an endpoint's requests. Never stored. */

import { textOf } from "./thrown-text.js";
import { knockerError } from "./errors.js";
import type { Headers } from "./event.js";
import { bodyBytes, type WebhookRequest, namedHeaders } from "./request.js";

/** The secrets to try: one, several, or a function of the request where each tenant has its own. */
export type Secrets = SecretsOfRequest | SecretsFunction;

/** Finds the secrets of a request, by its path, a header or a query parameter. */
export type SecretsFunction = (request: SecretsRequest) => SecretsOfRequest | Promise<SecretsOfRequest>;

/** One secret or several. Undefined and empty ones are passed over; where a function finds none the request is refused. */
export type SecretsOfRequest = string | readonly (string | undefined)[] | undefined;

/** A request that is not verified yet: the same on every adapter. */
export interface SecretsRequest {
  readonly method: string;
  /** The URL as the sender knows it. */
  readonly url: string;
  /** As `event.headers`: names in lower case, a header that came more than once as an array. */
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** What a function of the request gets to see. */
export function secretsRequest(request: WebhookRequest): SecretsRequest {
  const { method = "POST", url = "/", headers, body } = request;
  return { method, url, headers: namedHeaders(headers), body: bodyBytes(body) };
}

/**
 * The secrets argument of `knocker_receive`. An unset environment variable is no secret, and must not fail what another one verifies.
 * @throws UsageError where they are no texts.
 */
export function secretsJson(where: string, secrets: SecretsOfRequest): string {
  const list: readonly unknown[] = typeof secrets === "string" ? [secrets] : Array.isArray(secrets) ? secrets : [];
  if (secrets !== undefined && secrets !== null && typeof secrets !== "string" && !Array.isArray(secrets)) {
    throw knockerError("usage", `${where}: secrets must be a text or an array of texts, not ${typeName(secrets)}`);
  }
  for (const secret of list) {
    if (typeof secret === "string" || secret === undefined || secret === null) continue;
    throw knockerError("usage", `${where}: each secret must be a text, not ${typeName(secret)}`);
  }
  return JSON.stringify(list.filter((secret) => typeof secret === "string" && secret.trim() !== ""));
}

/** Whether this says that there are none: not one that is undefined or blank, which was meant and is not there. */
export function isEmpty(secrets: SecretsOfRequest): boolean {
  return Array.isArray(secrets) && secrets.length === 0;
}

/** For messages, which must not hold a secret of whatever type. */
function typeName(value: unknown): string {
  if (typeof value !== "object" || value === null) return `a ${typeof value}`;
  return textOf((value as { constructor?: { name?: unknown } }).constructor?.name ?? "an object");
}
