/** Spans of receipts and attempts, where the application has set OpenTelemetry up. */

import { VERSION } from "./contract.js";
import { Dead, Retry } from "./decision.js";
import { KnockerError } from "./errors.js";
import type { Event } from "./event.js";
import * as api from "./open-telemetry.js";
import type { Receipt } from "./records.js";
import { type HeadersInput, namedHeaders } from "./request.js";
import { textOf } from "./thrown-text.js";
import { RECEIVE_TRACEPARENT, RECEIVE_TRACESTATE, sentTrace, type TraceContext, traceOf } from "./traceparent.js";

/** The receipt of one request: its span is a child of the one that is active, or else of the sender's. */
export class Receiving {
  /** Headers to be stored beside those of the request, so that the handler goes on with this span. */
  readonly added: [string, string][] = [];
  readonly #headers: HeadersInput;
  readonly #started = performance.now();
  readonly #span: api.Span | undefined;
  readonly #context: api.Context | undefined;

  constructor(endpoint: string, headers: HeadersInput) {
    this.#headers = headers;
    const tracer = api.findTracer(VERSION);
    if (!tracer) return;
    const sent = sentTrace(namedHeaders(headers));
    let parent = api.activeContext();
    const active = api.spanIn(parent);
    if (sent && !(active && api.isValid(active.spanContext()))) parent = contextOf(parent, sent);
    this.#span = tracer.startSpan(
      `receive ${endpoint}`,
      { kind: api.PRODUCER, attributes: attributes(endpoint, "receive", "send") },
      parent,
    );
    this.#context = api.withSpan(parent, this.#span);
    const own = this.#span.spanContext();
    // Where nothing collects spans, it is the sender's again.
    if (api.isValid(own) && own.spanId !== sent?.spanId) this.added = asHeaders(own);
  }

  /** Spans of the application that begin meanwhile are children of this one, which ends with the work. */
  during<T>(work: () => Promise<T>): Promise<T> {
    // Without a promise more where there is no span to be ended.
    return this.#context ? this.#duringSpan(this.#context, work) : work();
  }

  async #duringSpan<T>(context: api.Context, work: () => Promise<T>): Promise<T> {
    try {
      return await api.runIn(context, work);
    } catch (error) {
      fail(this.#span!, error);
      throw error;
    } finally {
      this.#span!.end();
    }
  }

  /** The same at once. */
  duringSync<T>(work: () => T): T {
    if (!this.#context) return work();
    try {
      return api.runIn(this.#context, work);
    } catch (error) {
      fail(this.#span!, error);
      throw error;
    } finally {
      this.#span!.end();
    }
  }

  /** Says what became of the request. */
  stored({ outcome, deliveryId, reason, events, eventId }: Receipt): void {
    const span = this.#span;
    if (!span) return;
    span.setAttribute("knocker.outcome", outcome);
    if (deliveryId !== null) span.setAttribute("knocker.delivery_id", deliveryId);
    if (reason !== null) span.setAttribute("knocker.reason", reason);
    if (events.length > 1) span.setAttribute("messaging.batch.message_count", events.length);
    else if (eventId !== null) span.setAttribute("messaging.message.id", String(eventId));
  }

  /** How long it has taken so far, in milliseconds. */
  get durationMs(): number {
    return Math.round(performance.now() - this.#started);
  }

  get traceId(): string | null {
    return traceIdOf(this.#span) ?? traceOf(namedHeaders(this.#headers))?.traceId ?? null;
  }
}

/** An attempt: its span is a child of the receive's, so that the trace goes on in the handlers, whenever they run. */
export class Processing {
  readonly #event: Event;
  #span: api.Span | undefined;
  #context: api.Context | undefined;

  constructor(event: Event) {
    this.#event = event;
  }

  /** Begins the span. */
  start(): void {
    const tracer = api.findTracer(VERSION);
    if (!tracer) return;
    const { id, endpoint, type, deliveryId, attempt, headers } = this.#event;
    const facts = attributes(endpoint, "process", "process");
    Object.assign(facts, { "messaging.message.id": String(id), "knocker.delivery_id": deliveryId, "knocker.attempt": attempt });
    if (type !== null) facts["knocker.event_type"] = type;
    const kept = traceOf(headers);
    const parent = kept ? contextOf(api.activeContext(), kept) : api.activeContext();
    this.#span = tracer.startSpan(`process ${endpoint}`, { kind: api.CONSUMER, attributes: facts }, parent);
    this.#context = api.withSpan(parent, this.#span);
  }

  /** Spans that the handlers begin are children of this one. */
  within<T>(work: () => T): T {
    return this.#context ? api.runIn(this.#context, work) : work();
  }

  /** Ends the span with what became of the attempt. The text of an error is in the log alone: it may quote anything. */
  ended(outcome: string, failed: boolean, error: unknown): void {
    const span = this.#span;
    if (!span) return;
    this.#span = this.#context = undefined;
    span.setAttribute("knocker.outcome", outcome);
    if (failed) fail(span, error);
    span.end();
  }

  get traceId(): string | null {
    return traceIdOf(this.#span) ?? traceOf(this.#event.headers)?.traceId ?? null;
  }
}

/** Named by the semantic conventions for messaging: to receive a webhook is to send a message into the queue. */
function attributes(endpoint: string, operation: string, type: string): Record<string, string | number> {
  return {
    "messaging.system": "knocker",
    "messaging.operation.name": operation,
    "messaging.operation.type": type,
    "messaging.destination.name": endpoint,
  };
}

function contextOf(context: api.Context, { traceId, spanId, flags, tracestate }: TraceContext): api.Context {
  const state = tracestate === null ? {} : { traceState: api.traceState(tracestate) };
  return api.withSpan(context, api.remoteSpan({ traceId, spanId, traceFlags: flags, isRemote: true, ...state }));
}

function asHeaders({ traceId, spanId, traceFlags, traceState }: api.SpanContext): [string, string][] {
  const added: [string, string][] = [[RECEIVE_TRACEPARENT, `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`]];
  const state = traceState?.serialize();
  if (state) added.push([RECEIVE_TRACESTATE, state]);
  return added;
}

function traceIdOf(span: api.Span | undefined): string | undefined {
  const own = span?.spanContext();
  return own && api.isValid(own) ? own.traceId : undefined;
}

function fail(span: api.Span, error: unknown): void {
  span.setAttribute("error.type", typeOf(error));
  span.setStatus({ code: api.ERROR });
}

/** What is told of an error: one of Knocker's codes, what a handler has decided, or the name of a class. */
function typeOf(error: unknown): string {
  if (error instanceof KnockerError) return error.code;
  if (error instanceof Retry) return "retry";
  if (error instanceof Dead) return "dead";
  return error instanceof Error ? textOf(error.name) : typeof error;
}
