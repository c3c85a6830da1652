/** What an HTTP adapter needs of an endpoint, and the status that each outcome has. */

import { ClosedError, DatabaseError, type KnockerError, knockerError, UnknownEndpointError } from "../errors.js";
import type { WebhookRequest } from "../request.js";
import type { Receipt, WebhookResponse } from "../records.js";

/** An endpoint as the adapters see it. */
export interface Receiver {
  readonly name: string;
  readonly publicUrl: string | undefined;
  readonly trustProxy: boolean;
  maxBodyBytes(): number;
  receive(request: WebhookRequest): Promise<Receipt>;
  /** Told of every error that the sender only sees as a status. */
  report(error: unknown): void;
}

/** Seconds after which a sender may try again while the database is busy, full or failing. */
const RETRY_AFTER_S = 5;

function plain(status: number, body: string, headers: Record<string, string> = {}): WebhookResponse {
  return { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers }, body };
}

/** Receives the request and says what to answer. Never throws: a sender always gets a status. */
export async function answer(receiver: Receiver, request: WebhookRequest): Promise<WebhookResponse> {
  try {
    return (await receiver.receive(request)).response;
  } catch (error) {
    return refuse(receiver, error);
  }
}

/** The answer where nothing was stored. Only a database that may recover is worth another try of the sender. */
export function refuse(receiver: Receiver, error: unknown): WebhookResponse {
  if (error instanceof UnknownEndpointError) return notFound(receiver.name);
  receiver.report(error);
  if (error instanceof ClosedError) return plain(503, "closed: nothing was stored, try again\n", { "retry-after": String(RETRY_AFTER_S) });
  if (error instanceof DatabaseError) {
    return plain(503, `${error.code}: nothing was stored, try again\n`, { "retry-after": String(RETRY_AFTER_S) });
  }
  // Messages are for the application: they may name its files, its set-up, its secrets function.
  return internalError();
}

/** The answer where the application or this package made a mistake. */
export function internalError(): WebhookResponse {
  return plain(500, "internal error: nothing was stored\n");
}

/** The answer to a request whose `Host` is missing or is none. */
export function badHost(): WebhookResponse {
  return plain(400, "bad request: the Host header is missing or names no host\n");
}

/** The answer for an endpoint that does not exist. */
export function notFound(name: string): WebhookResponse {
  return plain(404, `unknown_endpoint: no endpoint is named ${JSON.stringify(name)}\n`);
}

/** The most common mistake with webhooks: signatures are over the raw bytes, and a parser has eaten them. */
export function bodyConsumed(kept = "kept no raw bytes"): KnockerError {
  return knockerError("body_consumed", `a body parser read this request before Knocker and ${kept}, so no signature can be checked`);
}
