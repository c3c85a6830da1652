/** What a handler gets to see of an event. */

import type { Row } from "./driver.js";
import { idempotencyKeyOf } from "./idempotency.js";
import { traceOf } from "./traceparent.js";

/** Header names in lower case; a header that came more than once as an array. */
export type Headers = Record<string, string | string[]>;

/** The same once more, for the application's functions: one that writes into it changes nothing of what the worker tells and records. */
export function handed(event: Event): Event {
  return { __proto__: Event.prototype, ...event } as unknown as Event;
}

/** An event on its way through its handlers. */
export class Event {
  /** The event's id, the same over all attempts and redeliveries. */
  readonly id: number;
  /** The delivery whose body this is. */
  readonly deliveryId: number;
  readonly endpoint: string;
  /** The provider's event type; null where the provider has none. */
  readonly type: string | null;
  /** The identity of the occurrence, the same however often it is delivered; null where nothing tells two occurrences apart. See `idempotencyKey`. */
  readonly key: string | null;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** When the event's first delivery arrived. */
  readonly receivedAt: Date;
  readonly method: string;
  readonly url: string;
  /** The delivery's headers, credentials redacted. */
  readonly headers: Headers;
  /** The raw bytes: the whole body, or this event's own item of a batch. */
  readonly body: Uint8Array;

  constructor(job: Row) {
    this.id = job["event_id"] as number;
    this.deliveryId = job["delivery_id"] as number;
    this.endpoint = job["endpoint"] as string;
    this.type = job["type"] as string | null;
    this.key = job["key"] as string | null;
    this.attempt = job["attempt"] as number;
    this.maxAttempts = job["max_attempts"] as number;
    this.receivedAt = new Date(job["received_at"] as number);
    this.method = job["method"] as string;
    this.url = job["url"] as string;
    this.headers = JSON.parse(job["headers"] as string) as Headers;
    this.body = (job["body"] as Uint8Array | null) ?? new Uint8Array();
  }

  /**
   * What to give to others as an idempotency key: `endpoint` and `key`, the same at each attempt and each replay, and after a restore. An event without a key has
   * its number, its time and a hash of its body. `knocker publish` gives the same as a message's id.
   */
  get idempotencyKey(): string {
    return idempotencyKeyOf(this);
  }

  /**
   * The trace to go on with, as W3C Trace Context writes it: the span of the receive where OpenTelemetry was set up there, or else what the sender said. Null
   * where there is none, or a malformed one.
   */
  get traceparent(): string | null {
    return traceOf(this.headers)?.traceparent ?? null;
  }

  /** What belongs to `traceparent`. */
  get tracestate(): string | null {
    return traceOf(this.headers)?.tracestate ?? null;
  }

  /** The body as text. */
  text(): string {
    return new TextDecoder().decode(this.body);
  }

  /** The body, parsed as JSON. The type is the caller's word: nothing checks it. */
  json<T = any>(): T {
    return JSON.parse(this.text()) as T;
  }
}
