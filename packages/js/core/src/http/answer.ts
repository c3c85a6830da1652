/** What an HTTP adapter needs of an endpoint, and the status that each outcome has. */

import { ClosedError, DatabaseError, KnockerError, knockerError, UnknownEndpointError, UnknownTenantError } from "../errors.js";
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
  report(error: unknown, status: number): void;
}

/** Seconds after which a sender may try again while the database is busy, full or failing. */
const RETRY_AFTER_S = 5;

function plain(status: number, body: string, headers: Record<string, string> = {}): WebhookResponse {
  return { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers }, body };
}

/** The answer where nothing was stored. Messages are for the application: they may name its files, its set-up, what its secrets function says. */
export function refuse(receiver: Receiver, error: unknown): WebhookResponse {
  if (error instanceof UnknownEndpointError || error instanceof UnknownTenantError) return notFound();
  // An operator may mend a file that fails, and of closed hooks another process takes the next try.
  const passes = error instanceof DatabaseError || error instanceof ClosedError || (error instanceof KnockerError && error.retryable);
  const answered = passes ? tryAgain() : internalError();
  receiver.report(error, answered.status);
  return answered;
}

/** The answer where it may be another one in a while. */
export function tryAgain(): WebhookResponse {
  return plain(503, "try again later", { "retry-after": String(RETRY_AFTER_S) });
}

/** The answer where the application or this package made a mistake. */
export function internalError(): WebhookResponse {
  return plain(500, "internal error: nothing was stored");
}

/** The answer to a request whose `Host` is missing or is none. */
export function badHost(): WebhookResponse {
  return plain(400, "bad host");
}

/** The answer for an endpoint that does not exist. */
export function notFound(): WebhookResponse {
  return plain(404, "no such endpoint");
}

/** The answer to a body that ends before its `Content-Length`: its sender tries again. The application is told what may have cut it. */
export function shortBody(receiver: Receiver, came: number, announced: number): WebhookResponse {
  const ended = `the body ended after ${came} of ${announced} bytes`;
  receiver.report(
    knockerError(
      "body_consumed",
      `${ended}: what read and kept it before Knocker kept less, so no signature can be checked, or the sender has gone`,
    ),
    400,
  );
  return plain(400, "the body ended early");
}

/** The most common mistake with webhooks: signatures are over the raw bytes, and a parser has eaten them. */
export function bodyConsumed(kept = "kept no raw bytes"): KnockerError {
  return knockerError("body_consumed", `a body parser read this request before Knocker and ${kept}, so no signature can be checked`);
}
