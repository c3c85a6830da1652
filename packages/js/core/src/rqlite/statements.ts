/** What is sent to rqlite, and what comes back, as JSON. */

import type { Row, SqlValue } from "../driver.js";

/** SQL, and the values of its marks in their order. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** Whether rqlite takes this text for a BLOB. */
export function looksLikeBlob(text: string): boolean {
  return /^\s*x'(?:[0-9a-f]{2})*'\s*$/i.test(text);
}

const utf8 = new TextEncoder();

/** A call of an SQL function. A text that looks like a BLOB is sent as one, and made a text again over there. */
export function callOf(name: string, ...parameters: SqlValue[]): Statement {
  const isHidden = parameters.map((value) => typeof value === "string" && looksLikeBlob(value));
  const marks = isHidden.map((hidden) => (hidden ? "CAST(? AS TEXT)" : "?"));
  return {
    sql: `SELECT ${name}(${marks.join(", ")}) AS result`,
    parameters: parameters.map((value, index) => (isHidden[index] ? utf8.encode(value as string) : value)),
  };
}

/** What rqlite takes: `[["SQL", value, …], …]`. */
export function bodyOf(statements: readonly Statement[]): string {
  const all = statements.map(({ sql, parameters }) => `[${[sql, ...parameters].map(jsonOf).join(",")}]`);
  return `[${all.join(",")}]`;
}

function jsonOf(value: SqlValue): string {
  // JSON has integers of any size, and only JavaScript's own writer has none.
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) {
    const { buffer, byteOffset, byteLength } = value;
    return `"x'${Buffer.from(buffer, byteOffset, byteLength).toString("hex")}'"`;
  }
  return JSON.stringify(value);
}

/** A value of an answer: with `blob_array` a BLOB is a list of its bytes, and nothing else is a list. Undefined where it is none. */
export function valueOf(raw: unknown): SqlValue | undefined {
  if (typeof raw === "boolean") return Number(raw);
  if (raw === null || typeof raw === "string" || typeof raw === "number") return raw;
  if (!Array.isArray(raw) || !raw.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255)) return undefined;
  return Uint8Array.from(raw as number[]);
}

/** The name under which a body is asked for. */
const HEX = "knocker_body_hex";

/**
 * Asks for a body as a text where it is the last column of one of Knocker's views: rqlite makes one of a BLOB that stands in no column of a table, and loses bytes of it.
 */
export function bodyAsHex(sql: string): string {
  return sql.replace(/\b((?:event\.)?body)(\s+FROM\s+knocker_)/, `iif($1 IS NULL, NULL, hex($1)) AS ${HEX}$2`);
}

/** Puts the bytes in the place of that text. */
export function bodyOfHex(row: Row): Row {
  if (!(HEX in row)) return row;
  const { [HEX]: hex, ...rest } = row;
  return { ...rest, body: hex === null ? null : new Uint8Array(Buffer.from(hex as string, "hex")) };
}
