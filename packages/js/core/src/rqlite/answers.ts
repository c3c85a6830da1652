/** What an answer of rqlite says of the statements that were sent. */

import type { Row, SqlValue } from "../driver.js";
import { inLine } from "../log.js";
import { valueOf } from "./statements.js";

/**
 * `done`: all of it is committed. `refused`: a statement failed, and the transaction was rolled back. `torn`: a statement was not understood, and the others are
 * committed. `elsewhere`: nothing was done, and another node may do it. `unknown`: nobody knows whether it was done. `forbidden`: no node will take it.
 */
export type Meaning = "done" | "refused" | "torn" | "elsewhere" | "unknown" | "forbidden";

/** The rows of one statement. */
export interface Rows {
  readonly columns: readonly string[];
  readonly values: readonly (readonly SqlValue[])[];
}

/** One answer. */
export interface Answer {
  readonly meaning: Meaning;
  /** The rows of each statement, where all is done. */
  readonly results: readonly Rows[];
  /** The error of the statement that failed, or what else was wrong. */
  readonly why: string;
}

/** No node takes what one answers so. */
const FORBIDDEN = [400, 401, 403, 404, 405];

const LONGEST_WHY = 200;

/** An answer that has no results. */
export function withoutResults(meaning: Meaning, why: string): Answer {
  return { meaning, results: [], why };
}

/** Reads what a node has answered to so many statements. */
export function readAnswer(status: number, text: string, statements: number): Answer {
  if (status !== 200) {
    const meaning = status === 503 ? "elsewhere" : FORBIDDEN.includes(status) ? "forbidden" : "unknown";
    return withoutResults(meaning, `status ${status}: ${inLine(text.trim().slice(0, LONGEST_WHY))}`);
  }
  let answer: { results?: unknown; error?: unknown };
  try {
    answer = (JSON.parse(text) as typeof answer | null) ?? {};
  } catch {
    return withoutResults("unknown", "the answer is no JSON, or not all of it");
  }
  if (answer.error !== undefined) return withoutResults("unknown", String(answer.error));
  if (!Array.isArray(answer.results)) return withoutResults("unknown", "the answer has no results");
  return readResults(answer.results as readonly ({ columns?: string[]; values?: unknown[][]; error?: string } | null)[], statements);
}

function readResults(
  results: readonly ({ columns?: string[]; values?: unknown[][]; error?: string } | null)[],
  statements: number,
): Answer {
  // Where a transaction was rolled back, the entries before the one with the error still look as if they were done, and none comes behind it.
  const failed = results.findIndex((result) => result?.error);
  if (failed >= 0) return withoutResults(failed < results.length - 1 ? "torn" : "refused", results[failed]!.error!);
  if (results.length !== statements)
    return withoutResults("unknown", `${statements} statements were sent and ${results.length} results came`);
  const read: Rows[] = [];
  for (const result of results) {
    if (typeof result !== "object" || result === null) return withoutResults("unknown", "a result is none");
    const values = (result.values ?? []).map((row) => row.map(valueOf));
    if (values.some((row) => row.includes(undefined))) return withoutResults("unknown", "a value of the answer is none");
    read.push({ columns: result.columns ?? [], values: values as SqlValue[][] });
  }
  return { meaning: "done", results: read, why: "" };
}

/** As the drivers give rows. */
export function rowsOf({ columns, values }: Rows): Row[] {
  return values.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]!])));
}

/** The first value of a statement. */
export function firstOf({ values }: Rows): SqlValue {
  return values[0]?.[0] ?? null;
}
