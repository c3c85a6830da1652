/** Telling of failures that no caller sees: in the log, and to the functions that the application gave. */

import { show } from "./check.js";
import { KnockerError } from "./errors.js";
import { type Event, handed } from "./event.js";
import { inLine, type Fields, type Log } from "./log.js";
import { describeThrown } from "./thrown-text.js";
import { Processing } from "./tracing.js";

/**
 * Receives an error: of each failed attempt together with its event, whose `attempt` counts it, and of what else went wrong where no caller sees it. What it
 * throws, or a promise of it rejects with, ends nothing.
 */
export type OnError = (error: unknown, event?: Event) => unknown;

/** Receives each event that is dead now, and the reason that is stored with it. The same holds for what it throws. */
export type OnDead = (event: Event, reason: string | null) => unknown;

/** The functions that an application gives. */
export interface FailureHooks {
  onError?: OnError | undefined;
  onDead?: OnDead | undefined;
}

/** Tells of failures. */
export class Telling {
  readonly #log: Log;
  readonly #hooks: FailureHooks;
  /** Whose it is: in every line but those of attempts. */
  readonly #whose: Fields;

  constructor(log: Log, hooks: FailureHooks, whose: Fields = {}) {
    this.#log = log;
    this.#hooks = hooks;
    this.#whose = whose;
  }

  /** The same, with these functions where they are given, for this worker if it is one's. */
  with({ onError = this.#hooks.onError, onDead = this.#hooks.onDead }: FailureHooks, worker?: string): Telling {
    return new Telling(this.#log, { onError, onDead }, worker === undefined ? this.#whose : { worker });
  }

  /** The same, with one more function that is told of errors. */
  hearing(onError: OnError): Telling {
    const others = this.#hooks.onError;
    return this.with({
      onError: (error, event) => {
        onError(error, event);
        return others?.(error, event);
      },
    });
  }

  /** Something went wrong outside of any attempt. */
  error(error: unknown, record = "worker_failed", fields: Fields = {}): void {
    this.#log("error", said(error), { record, ...this.#whose, ...fields, ...factsOf(error) }, error);
    this.hear(error);
  }

  /** The same, of what passes. */
  warning(error: unknown, record: string, what: string): void {
    this.line("warn", record, `${what}: ${said(error)}`, factsOf(error));
    this.hear(error);
  }

  /** A request was not stored, and its sender sees only that. */
  unstored(error: unknown, endpoint: string, status: number, tenant?: string): void {
    const whose = tenant === undefined ? {} : { tenant };
    const where = tenant === undefined ? "" : `tenant ${show(tenant)}, `;
    const what = `${where}endpoint ${endpoint}: receipt not stored, answered ${status}`;
    if (error instanceof KnockerError) {
      this.line("error", "receipt_failed", `${what}: ${said(error)}`, { ...whose, endpoint, status, ...factsOf(error) });
    } else {
      // Of the application's own function of secrets, most likely: the message may hold one, its name and the places in the code do not.
      const name = error instanceof Error ? error.name : typeof error;
      const stack = placesOf(error);
      const fields = { ...whose, endpoint, code: "internal", status, error: name, stack };
      this.line("error", "receipt_failed", `${what}: ${inLine(name)}${stack}`, fields);
    }
    this.hear(error);
  }

  /** The file of a tenant could not be opened or set up, and is tried again. */
  tenantFailed(error: unknown, tenant: string, path: string, pauseMs: number): void {
    const what = `tenant ${show(tenant)}: ${inLine(path)} is tried again in ${pauseMs / 1000} s`;
    if (error instanceof KnockerError) {
      this.line("error", "tenant_failed", `${what}: ${said(error)}`, { tenant, path, ...factsOf(error) });
    } else {
      // Of the application's own set-up, most likely, which knows secrets: as with those of a request.
      const name = error instanceof Error ? error.name : typeof error;
      const stack = placesOf(error);
      this.line("error", "tenant_failed", `${what}: ${inLine(name)}${stack}`, { tenant, path, code: "internal", error: name, stack });
    }
    this.hear(error);
  }

  /** What happened, where nothing has failed. */
  line(level: "debug" | "info" | "warn" | "error", record: string, message: string, fields: Fields = {}): void {
    this.#log(level, message, { record, ...this.#whose, ...fields });
  }

  /** Tells the application's function alone. */
  hear(error: unknown): void {
    this.#call("onError", () => this.#hooks.onError?.(error));
  }

  /** A handler has ended its savepoint in a transaction that it shares. */
  undone(error: unknown): void {
    const message = `a handler has ended its savepoint, and the events that shared its transaction run again: ${said(error)}`;
    this.#log("warn", message, { record: "commit_undone", error: describeThrown(error) }, error);
  }

  /** Begins the account of one attempt. */
  attempt(event: Event): AttemptReport {
    return new AttemptReport(event, this.#log, {
      onError: (error, of) => this.#call("onError", () => this.#hooks.onError?.(error, of), event),
      onDead: (of, reason) => this.#call("onDead", () => this.#hooks.onDead?.(of, reason), event),
    });
  }

  #call(name: keyof FailureHooks, work: () => unknown, event?: Event): void {
    const hook = name === "onError" ? "on_error" : "on_dead";
    const failed = (failure: unknown) =>
      this.#log(
        "error",
        `${name} failed: ${said(failure)}`,
        { record: "hook_failed", ...(event && eventFields(event)), hook, error: describeThrown(failure) },
        failure,
      );
    try {
      const told = work();
      if (told instanceof Promise) told.catch(failed);
    } catch (failure) {
      failed(failure);
    }
  }
}

/** What is no failure. */
const QUIET = new Set(["handled", "ignored"]);

/** The account of one attempt, which begins when it is made. */
export class AttemptReport {
  /** The event as handlers and hooks get it. */
  readonly given: Event;
  readonly #event: Event;
  readonly #log: Log;
  readonly #hooks: Required<FailureHooks>;
  readonly #start = performance.now();
  readonly span: Processing;
  #end: number | undefined;
  #told = false;
  #error: unknown;

  constructor(event: Event, log: Log, hooks: { onError: OnError; onDead: OnDead }) {
    this.#event = event;
    this.given = handed(event);
    this.#log = log;
    this.#hooks = hooks;
    this.span = new Processing(event);
  }

  /** How long it has taken so far, or until it was stopped, in milliseconds. */
  get durationMs(): number {
    return Math.round((this.#end ?? performance.now()) - this.#start);
  }

  /** The handlers have ended: what comes is not their time. */
  stop(): void {
    this.#end ??= performance.now();
  }

  /** The attempt failed. `onError` hears of the first reason alone. */
  failed(error: unknown, what = "failed", outcome = "failed"): void {
    this.#line("attempt_failed", "warn", `${what}: ${said(error)}`, { outcome, duration_ms: this.durationMs, ...factsOf(error) }, error);
    if (this.#told) return;
    this.#error = error;
    this.#told = true;
    this.#hooks.onError!(error, this.given);
  }

  /** Nobody will handle the event unless somebody puts it back. */
  dead(reason: string | null): void {
    const facts = { outcome: "dead", duration_ms: this.durationMs, reason };
    this.#line("event_dead", "error", `dead: ${reason === null ? "no reason" : inLine(reason)}`, facts);
    this.span.ended("dead", this.#told, this.#error);
    this.#hooks.onDead!(this.given, reason);
  }

  /** What else became of it. Of a failure all has been said. */
  ended(status: string): void {
    if (QUIET.has(status)) this.#line("attempt_ended", "debug", status, { outcome: status, duration_ms: this.durationMs });
    this.span.ended(status, this.#told, this.#error);
  }

  #line(record: string, level: "debug" | "warn" | "error", what: string, fields: Fields, error?: unknown): void {
    const message = () => {
      const { id, endpoint, type, attempt } = this.#event;
      return `event ${id} of ${endpoint} (${type === null ? "no type" : inLine(type)}), attempt ${attempt}: ${what}`;
    };
    this.#log(level, message, () => ({ record, ...eventFields(this.#event, this.span.traceId), ...fields }), error);
  }
}

/** An error in one line. Those of this package say what to do. */
export function said(error: unknown): string {
  if (!(error instanceof KnockerError)) return inLine(describeThrown(error));
  return inLine(`${error.code}: ${error.message}${error.hint && ` (${error.hint})`}`);
}

/** Where in the code it was thrown, a line each. */
function placesOf(error: unknown): string {
  try {
    return ((error as Error).stack ?? "")
      .split("\n")
      .filter((line) => /^\s+at /.test(line))
      .map((line) => `\n${line}`)
      .join("");
  } catch {
    // Classes of the application may do anything when they are asked.
    return "";
  }
}

/** Its code, if it is one of this package's, and its text. */
export function factsOf(error: unknown): Fields {
  return { ...(error instanceof KnockerError && { code: error.code }), error: describeThrown(error) };
}

/** What every record about an event has. */
function eventFields(event: Event, traceId: string | null = new Processing(event).traceId): Fields {
  const { id, endpoint, deliveryId, type, key, attempt } = event;
  return { endpoint, event_id: id, delivery_id: deliveryId, type, key, attempt, trace_id: traceId };
}
