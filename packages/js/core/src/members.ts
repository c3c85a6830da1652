/** Members of a filter or a policy, on their way to SQL. */

import { knockerError } from "./errors.js";
import { snake } from "./spelling.js";
import { textOf } from "./thrown-text.js";

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
