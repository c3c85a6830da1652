/** Attempts that ended without a word: their worker died, or let go of its lease. The claim that notices it records them. */

import type { Connection, Row } from "./driver.js";
import { Event } from "./event.js";

/** What a claim has recorded of one. */
export interface LostAttempt {
  event: Event;
  error: string;
  /** Whether it was the last one of its event. */
  isDead: boolean;
}

/** The newest attempt of the file; to be asked in the transaction of a claim, before it. */
export function lastAttempt(connection: Connection<unknown>): number {
  return (connection.get("SELECT id FROM knocker_attempts ORDER BY id DESC LIMIT 1")?.["id"] as number | undefined) ?? 0;
}

/** Those that were recorded since, in the same transaction. */
export function lostSince(connection: Connection<unknown>, last: number): LostAttempt[] {
  return connection.all(`${LOST} ORDER BY attempt.id`, last).map(lostOf);
}

/** The query of them, and the reading of its rows. The body comes last. */
export const LOST = `
  SELECT attempt.id AS attempt_id, event.id AS event_id, attempt.delivery_id, event.endpoint, event.type, event.key, attempt.attempt, event.max_attempts,
    event.received_at, delivery.method, delivery.url, delivery.headers, attempt.error, event.status = 'dead' AS dead, event.body
  FROM knocker_attempts AS attempt
  JOIN knocker_events AS event ON event.id = attempt.event_id
  JOIN knocker_deliveries AS delivery ON delivery.id = attempt.delivery_id
  WHERE attempt.id > ? AND attempt.result = 'lease_expired'`;

export function lostOf(row: Row): LostAttempt {
  return {
    event: new Event(row),
    error: (row["error"] as string | null) ?? "the lease ran out",
    isDead: row["dead"] === 1,
  };
}
