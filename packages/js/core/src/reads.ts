/** Lazy lists over the views: pages by a cursor on the id, so that each costs the same however long the table is. */

import type { Row, SqlValue } from "./driver.js";
import { DELIVERY_SUMMARY_COLUMNS, EVENT_SUMMARY_COLUMNS } from "./records.js";
import type { Values } from "./values.js";

/** Order and bounds of a list. */
export interface ListOptions {
  /** Default: oldest first. */
  newestFirst?: boolean;
  /** Ids behind this one in the order of the list. */
  after?: number;
  /** At most so many. Default: all. */
  limit?: number;
  /** From this time on. */
  since?: Date | number;
  /** Before this time. */
  until?: Date | number;
}

type Read = (sql: string, ...parameters: SqlValue[]) => Promise<Row[]>;

/** Rows read at once. */
const PAGE = 100;

/** A view, the columns of its lists, and the column that `since` and `until` mean. */
export interface ListedView {
  view: string;
  columns: string;
  time: string;
  /** Functions that say which is the first since a time, and which the last before one. */
  found?: { since: string; until: string };
  /** Conditions that are no column of the view, each with one value. */
  relations?: Readonly<Record<string, string>>;
}

/** Everything but the bodies, which `event(id)` and `delivery(id)` read. */
export const LISTS = {
  events: {
    view: "knocker_events",
    columns: EVENT_SUMMARY_COLUMNS,
    time: "received_at",
    found: { since: "knocker_first_event_since", until: "knocker_last_event_before" },
  },
  deliveries: {
    view: "knocker_deliveries",
    columns: DELIVERY_SUMMARY_COLUMNS,
    time: "received_at",
    // A batch brings several events, and its row names the first of them only.
    relations: { of_event: "id IN (SELECT delivery_id FROM knocker_event_deliveries WHERE event_id = ?)" },
  },
  attempts: { view: "knocker_attempts", columns: "*", time: "finished_at" },
  endpoints: { view: "knocker_endpoints", columns: "*", time: "created_at" },
  policies: { view: "knocker_policies", columns: "*", time: "next_run_at" },
  prunes: { view: "knocker_prunes", columns: "*", time: "pruned_at" },
} as const satisfies Record<string, ListedView>;

/** Conditions of columns: a value, several, or none where it is undefined. A type may end in `.*`. */
export type Conditions = Record<string, SqlValue | readonly SqlValue[] | undefined>;

/** Reads a view page by page, each row with `record`. */
export async function* list<T>(
  read: Read,
  record: (row: Values) => T,
  from: ListedView,
  conditions: Conditions,
  options: ListOptions,
): AsyncGenerator<T, void, void> {
  const { newestFirst = false, limit = Infinity } = options;
  let cursor = options.after;
  let left = limit;
  let isFirst = true;
  while (left > 0) {
    const { where, parameters } = condition(from, conditions, options, cursor, isFirst);
    const page = Math.min(PAGE, left);
    const sql = `SELECT ${from.columns} FROM ${from.view} WHERE ${where} ORDER BY id ${newestFirst ? "DESC" : "ASC"} LIMIT ?`;
    const rows = await read(sql, ...parameters, page);
    for (const row of rows) yield record(row);
    if (rows.length < page) return;
    left -= rows.length;
    cursor = rows[rows.length - 1]!["id"] as number;
    isFirst = false;
  }
}

function condition(from: ListedView, conditions: Conditions, options: ListOptions, cursor: number | undefined, isFirst: boolean) {
  const parts = ["1"];
  const parameters: SqlValue[] = [];
  const add = (part: string, ...values: SqlValue[]) => {
    parts.push(part);
    parameters.push(...values);
  };
  for (const [column, wanted] of Object.entries(conditions)) {
    if (wanted === undefined) continue;
    const relation = from.relations?.[column];
    if (relation !== undefined) add(relation, wanted as SqlValue);
    else if (Array.isArray(wanted)) add(`${column} IN (${wanted.map(() => "?").join(", ")})`, ...(wanted as SqlValue[]));
    else if (column === "type" && typeof wanted === "string" && wanted.endsWith(".*")) {
      const prefix = wanted.slice(0, -1);
      add("substr(type, 1, ?) = ?", [...prefix].length, prefix);
    } else add(`${column} IS ?`, wanted as SqlValue);
  }
  if (options.since !== undefined) add(`${from.time} >= ?`, Number(options.since));
  if (options.until !== undefined) add(`${from.time} < ?`, Number(options.until));
  for (const { part, values } of stretch(from, options, cursor, isFirst)) add(part, ...values);
  return { where: parts.join(" AND "), parameters };
}

/**
 * Where the ids of a page begin and end, by the cursor and by what is known of the times. Only the first page looks for where it begins: of two
 * conditions on that side SQLite would seek by either.
 */
function stretch(from: ListedView, options: ListOptions, cursor: number | undefined, isFirst: boolean) {
  const parts: { part: string; values: SqlValue[] }[] = [];
  const sides = { since: options.since, until: options.until };
  const [begin, end] = options.newestFirst ? (["until", "since"] as const) : (["since", "until"] as const);
  const [beyond, back, nearest] = options.newestFirst ? ["<", ">", "min(? - 1"] : [">", "<", "max(? + 1"];
  const found = (side: "since" | "until") => {
    // Of a fraction, whole times are on the side of the next one. What is no time, or beyond all, is left to the comparison.
    const time = Math.ceil(Number(sides[side] ?? NaN));
    return from.found === undefined || !Number.isSafeInteger(time) ? undefined : { sql: `(SELECT ${from.found[side]}(?))`, time };
  };
  const first = isFirst ? found(begin) : undefined;
  if (first !== undefined && cursor !== undefined) {
    parts.push({ part: `id ${beyond}= ${nearest}, ${first.sql})`, values: [cursor, first.time] });
  } else if (first !== undefined) parts.push({ part: `id ${beyond}= ${first.sql}`, values: [first.time] });
  else if (cursor !== undefined) parts.push({ part: `id ${beyond} ?`, values: [cursor] });
  const last = found(end);
  if (last !== undefined) parts.push({ part: `id ${back}= ${last.sql}`, values: [last.time] });
  return parts;
}
