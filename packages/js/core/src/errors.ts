/** Errors by their codes: those of the library, and those that SQLite's result codes stand for. */

import { ARGUMENT_NAMES, RESULT_CODES } from "./contract.js";
import * as classes from "./error-classes.js";
import { KnockerError } from "./knocker-error.js";
import { camel } from "./spelling.js";

export * from "./error-classes.js";
export { KnockerError } from "./knocker-error.js";

/** The families have no code of their own, and so the base's. */
const CLASSES = new Map<string, typeof KnockerError>(Object.values(classes).map((known) => [known.code, known]));
CLASSES.delete(KnockerError.code);

/** The error of this code. A code that this version does not know gives the base class. */
export function knockerError(code: string, message: string, cause?: unknown): KnockerError {
  return new (CLASSES.get(code) ?? KnockerError)(message, cause === undefined ? { code } : { code, cause });
}

const NAMES = new RegExp(`\\b(?:${ARGUMENT_NAMES.join("|")})\\b`, "g");

/** What the library says of an argument, with the name that it has in JavaScript. */
function spelled(code: string, message: string): string {
  return code === "invalid_argument" ? message.replace(NAMES, camel) : message;
}

/**
 * The Knocker error that a driver's error stands for: the text of the extension carries its code, anything else has only a result code.
 * @param resultCode SQLite's (extended) result code, where the driver tells it.
 */
export function fromDriver(error: unknown, resultCode: number | undefined): KnockerError {
  if (error instanceof KnockerError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const named = /knocker: ([a-z_]+): ([^]*)/.exec(text);
  if (named) return knockerError(named[1]!, spelled(named[1]!, named[2]!), error);
  return knockerError(RESULT_CODES[(resultCode ?? 1) & 0xff] ?? "sqlite_error", text, error);
}
