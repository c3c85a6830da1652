/** SQL and JSON say `max_attempts`, JavaScript says `maxAttempts`. */

import { textOf } from "./thrown-text.js";
import { knockerError } from "./errors.js";

/** `maxAttempts` → `max_attempts`, of a name. */
export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `max_attempts` → `maxAttempts`, of a name. */
export function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * The members of a filter or a policy as the SQL functions name them; dates become Unix milliseconds.
 * @throws UsageError where a number or a date is none: JSON would make it null, which counts as left out.
 */
export function toSql(where: string, members: object): Record<string, unknown> {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    given.map(([name, value]: [string, unknown]) => {
      const plain = value instanceof Date ? value.getTime() : value;
      if (typeof plain === "number" && !Number.isFinite(plain)) throw knockerError("usage", `${where}: ${name} is ${textOf(value)}`);
      return [snake(name), plain];
    }),
  );
}

/** A result of the SQL functions with its names as JavaScript writes them, at every depth. */
export function fromSql<T>(value: unknown): T {
  if (Array.isArray(value)) return value.map((element) => fromSql(element)) as T;
  if (value === null || typeof value !== "object") return value as T;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [camel(name), fromSql(member)])) as T;
}
