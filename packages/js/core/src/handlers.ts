/** Which functions want which events. */

import { knockerError } from "./errors.js";
import type { Event } from "./event.js";

/**
 * Business logic. `tx` is the driver's own database on a connection of its own; its transaction begins at the first use of `tx`. A promise is awaited; what
 * it returns is of no interest.
 */
export type Handler<Tx> = (event: Event, tx: Tx) => unknown;

interface Registration<Tx> {
  pattern: string;
  handler: Handler<Tx>;
}

/** The handlers of one endpoint, in the order of their registration. */
export class Handlers<Tx> {
  #registrations: Registration<Tx>[] = [];

  /** Whether there is none. */
  get empty(): boolean {
    return this.#registrations.length === 0;
  }

  /** What was added, as often as it was. */
  get patterns(): string[] {
    return this.#registrations.map(({ pattern }) => pattern);
  }

  /** Adds a handler for a type, for `prefix.*`, or for every event with `*`. */
  add(pattern: string, handler: Handler<Tx>): void {
    if (typeof pattern !== "string" || pattern === "")
      throw knockerError("usage", "on(pattern, handler): pattern is a type, `prefix.*` or `*`");
    if (pattern !== "*" && pattern.replace(/\.\*$/, "").includes("*"))
      throw knockerError("usage", `on(${JSON.stringify(pattern)}, handler): only \`*\` alone and \`.*\` at the end stand for other text`);
    if (typeof handler !== "function") throw knockerError("usage", `on(${JSON.stringify(pattern)}, handler): handler is not a function`);
    this.#registrations.push({ pattern, handler });
  }

  /** The handlers that want events of this type. */
  for(type: string | null): Handler<Tx>[] {
    return this.#registrations.filter(({ pattern }) => matches(pattern, type)).map(({ handler }) => handler);
  }
}

function matches(pattern: string, type: string | null): boolean {
  if (pattern === "*") return true;
  if (type === null) return false;
  if (pattern.endsWith(".*")) return type.startsWith(pattern.slice(0, -1));
  return pattern === type;
}
