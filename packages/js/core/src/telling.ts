/** Telling of failures that no caller sees: in the log, and to the functions that the application gave. */

import { KnockerError } from "./errors.js";
import type { Event } from "./event.js";
import { inLine, type Fields, type Log } from "./log.js";
import { describeThrown } from "./thrown-text.js";

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

  constructor(log: Log, hooks: FailureHooks) {
    this.#log = log;
    this.#hooks = hooks;
  }

  /** The same, with these functions where they are given. */
  with({ onError = this.#hooks.onError, onDead = this.#hooks.onDead }: FailureHooks): Telling {
    return new Telling(this.#log, { onError, onDead });
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
  error(error: unknown): void {
    this.#log("error", said(error), codeOf(error), error);
    this.#call("onError", () => this.#hooks.onError?.(error));
  }

  /** Begins the account of one attempt. */
  attempt(event: Event): AttemptReport {
    return new AttemptReport(event, this.#log, {
      onError: (error, of) => this.#call("onError", () => this.#hooks.onError?.(error, of)),
      onDead: (of, reason) => this.#call("onDead", () => this.#hooks.onDead?.(of, reason)),
    });
  }

  #call(name: string, work: () => unknown): void {
    const failed = (failure: unknown) => this.#log("error", `${name} failed: ${said(failure)}`, {}, failure);
    try {
      const told = work();
      if (told instanceof Promise) told.catch(failed);
    } catch (failure) {
      failed(failure);
    }
  }
}

/** The account of one attempt, which begins when it is made. */
export class AttemptReport {
  readonly #event: Event;
  readonly #log: Log;
  readonly #hooks: Required<FailureHooks>;
  readonly #start = performance.now();
  #told = false;

  constructor(event: Event, log: Log, hooks: { onError: OnError; onDead: OnDead }) {
    this.#event = event;
    this.#log = log;
    this.#hooks = hooks;
  }

  /** How long it has taken so far, in milliseconds. */
  get durationMs(): number {
    return Math.round(performance.now() - this.#start);
  }

  /** The attempt failed. `onError` hears of the first reason alone. */
  failed(error: unknown, what = "failed"): void {
    this.#line("warn", `${what}: ${said(error)}`, codeOf(error), error);
    if (!this.#told) this.#hooks.onError!(error, this.#event);
    this.#told = true;
  }

  /** Nobody will handle the event unless somebody puts it back. */
  dead(reason: string | null): void {
    this.#line("error", `dead: ${reason === null ? "no reason" : inLine(reason)}`, { status: "dead", reason, durationMs: this.durationMs });
    this.#hooks.onDead!(this.#event, reason);
  }

  /** What else became of it. */
  ended(status: string): void {
    this.#line("debug", status, { status, durationMs: this.durationMs });
  }

  #line(level: "debug" | "warn" | "error", what: string, fields: Fields, error?: unknown): void {
    const { id, endpoint, type, attempt } = this.#event;
    const kind = type === null ? "no type" : inLine(type);
    const message = `event ${id} of ${endpoint} (${kind}), attempt ${attempt}: ${what}`;
    this.#log(level, message, { eventId: id, endpoint, type, attempt, ...fields }, error);
  }
}

/** An error in one line. Those of this package say what to do. */
function said(error: unknown): string {
  if (!(error instanceof KnockerError)) return inLine(describeThrown(error));
  return inLine(`${error.code}: ${error.message}${error.hint && ` (${error.hint})`}`);
}

function codeOf(error: unknown): Fields {
  return error instanceof KnockerError ? { code: error.code } : {};
}
