/** Any value as text that a column can hold: what handlers throw ends up in a row, whatever it is. */

import { inspect } from "node:util";

/** The core keeps 8 KiB of an error. Somewhat more than that is not even converted. */
const LONGEST = 16_384;

/** Well-formed text of bounded length: a lone half of a surrogate pair becomes U+FFFD. */
export function wellFormed(text: string): string {
  return Buffer.from(text.slice(0, LONGEST)).toString();
}

/** A thrown value as one text: `TypeError: no such order`, or what it is where it is no error. Never throws. */
export function describeThrown(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return wellFormed(`${thrown.name}: ${thrown.message}`);
    return `thrown: ${textOf(thrown)}`;
  } catch {
    return `thrown: ${className(thrown)}`;
  }
}

/** A text as it is; anything else as a person would want to read it. Never throws. */
export function textOf(value: unknown): string {
  try {
    if (typeof value === "string") return wellFormed(value);
    if (value instanceof Error) return describeThrown(value);
    return wellFormed(inspect(value, { customInspect: false, depth: 2, breakLength: Infinity }));
  } catch {
    return className(value);
  }
}

/** For what has no working text of its own. */
function className(value: unknown): string {
  try {
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
    if (typeof name === "string" && name !== "") return wellFormed(name);
  } catch {
    // A proxy can refuse even that.
  }
  return typeof value;
}
