/** Arguments that cannot be meant are refused at the door, by name: further inside they would be the driver's error, or quietly act on everything. */

import type { SqlValue } from "./driver.js";
import { textOf } from "./thrown-text.js";
import { knockerError } from "./errors.js";

/** What an argument may be. */
export interface Rule {
  /** Completes "must be …". */
  readonly what: string;
  allows(value: unknown): boolean;
}

/** The members that an object may have. One that is undefined counts as left out. */
export type Shape = Readonly<Record<string, Rule>>;

const isFinite = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

export const TEXT: Rule = { what: "a text", allows: (value) => typeof value === "string" };
export const OBJECT: Rule = { what: "an object", allows: (value) => typeof value === "object" && value !== null };
export const FLAG: Rule = { what: "true or false", allows: (value) => typeof value === "boolean" };
export const FUNCTION: Rule = { what: "a function", allows: (value) => typeof value === "function" };
export const SIZE: Rule = { what: "a number, 0 or more", allows: (value) => isFinite(value) && value >= 0 };
export const POSITIVE: Rule = { what: "a number above 0", allows: (value) => isFinite(value) && value > 0 };
export const WHOLE: Rule = { what: "a whole number, 0 or more", allows: (value) => Number.isSafeInteger(value) && (value as number) >= 0 };
export const TIME: Rule = {
  what: "a Date or Unix milliseconds",
  allows: (value) => isFinite(value instanceof Date ? value.getTime() : value),
};
/** A text, or several. */
export const TEXTS: Rule = {
  what: "a text, or an array of texts",
  allows: (value) => TEXT.allows(value) || (Array.isArray(value) && value.every((text) => TEXT.allows(text))),
};
/** For what the core checks itself. */
export const ANYTHING: Rule = { what: "anything", allows: () => true };

/** A whole number between two bounds. */
export function between(least: number, most: number): Rule {
  const allows = (value: unknown) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
  return { what: `a whole number, ${least} to ${most}`, allows };
}

/** One of these texts. */
export function oneOf(values: readonly string[]): Rule {
  return { what: `one of ${values.join(", ")}`, allows: (value) => values.includes(value as string) };
}

/** One of these texts, or an array of them. */
export function someOf(values: readonly string[]): Rule {
  const one = oneOf(values);
  const allows = (value: unknown) => (Array.isArray(value) ? value.every((element) => one.allows(element)) : one.allows(value));
  return { what: `${one.what}, or an array of them`, allows };
}

/** The same, or null. */
export function orNull(rule: Rule): Rule {
  return { what: `${rule.what}, or null`, allows: (value) => value === null || rule.allows(value) };
}

/** A value as messages show it. */
export function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : textOf(value);
}

/** @throws UsageError naming the function, the argument and what was given. */
export function check(where: string, name: string, value: unknown, rule: Rule): void {
  if (!rule.allows(value)) throw knockerError("usage", `${where}: ${name} must be ${rule.what}, not ${show(value)}`);
}

/**
 * Checks an argument that is an object.
 * @throws UsageError naming the function, the key and the nearest that exists.
 */
export function checkObject(where: string, given: unknown, shape: Shape): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw knockerError("usage", `${where}: takes an object with ${Object.keys(shape).join(", ")}, not ${show(given)}`);
  }
  for (const key of Object.keys(given)) {
    const value = (given as Record<string, unknown>)[key];
    if (!Object.hasOwn(shape, key)) {
      const nearest = nearestOf(key, Object.keys(shape));
      const hint = nearest ? `did you mean ${JSON.stringify(nearest)}?` : `it takes ${Object.keys(shape).join(", ")}`;
      throw knockerError("usage", `${where}: unknown key ${JSON.stringify(key)}; ${hint}`);
    }
    if (value !== undefined) check(where, key, value, shape[key]!);
  }
}

/** @throws UsageError where this is no id of a row. */
export function checkId(where: string, name: string, id: unknown): void {
  if (typeof id === "bigint" || Number.isSafeInteger(id)) return;
  throw knockerError("usage", `${where}: ${name} must be a whole number, not ${show(id)}`);
}

/** @throws UsageError where a statement's parameter is no value of SQLite. */
export function checkParameters(where: string, parameters: readonly unknown[]): asserts parameters is readonly SqlValue[] {
  parameters.forEach((value, index) => {
    if (value === null || ["number", "bigint", "string"].includes(typeof value) || value instanceof Uint8Array) return;
    throw knockerError("usage", `${where}: parameter ${index + 1} must be null, a number, a text or bytes, not ${show(value)}`);
  });
}

/** JSON of an argument. @throws InvalidArgumentError where it has none: a cycle, a bigint. */
export function jsonOf(where: string, value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw knockerError("invalid_argument", `${where}: cannot be written as JSON: ${textOf((error as Error).message)}`, error);
  }
}

/** The nearest of the names, if it is near enough to be meant. */
export function nearestOf(given: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, steps: editSteps(given.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, steps }) => steps <= Math.max(1, Math.floor(name.length / 3)) || name.toLowerCase().startsWith(given.toLowerCase()))
    .sort((left, right) => left.steps - right.steps);
  return best?.name;
}

/** How many letters have to be changed, added or taken away. */
function editSteps(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[to.length]!;
}
