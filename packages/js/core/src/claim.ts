/** A claim, and what it finds out about others: attempts whose worker died. */

import type { Connection } from "./driver.js";
import { knockerError } from "./errors.js";
import { lastAttempt, lostSince, type LostAttempt } from "./lost-attempts.js";
import type { Telling } from "./telling.js";

/** What is claimed, by whom and for how long. */
export interface Claim {
  worker: string;
  limit: number;
  leaseS: number;
  /** Names of endpoints, as the SQL function takes them. */
  filter: string;
  now: number | null;
}

/** What came of it. The lost attempts are to be told once it is committed. */
export interface Claimed {
  claimed: number;
  lost: LostAttempt[];
}

/**
 * Claims, after what is to be done before. In a transaction of its own, so that what another claim records is not told here as well; in one that is open already where
 * there is one.
 */
export function claimOn(connection: Connection<unknown>, { worker, limit, leaseS, filter, now }: Claim, before = () => {}): Claimed {
  return inTransaction(connection, () => {
    before();
    const last = lastAttempt(connection);
    const claim = "SELECT knocker_claim(?, ?, ?, ?, ?) AS leased";
    const claimed = connection.get(claim, worker, limit, leaseS, filter, now)!["leased"] as number;
    return { claimed, lost: lostSince(connection, last) };
  });
}

/** Tells of attempts that nobody else tells of. */
export function tellLost(telling: Telling, lost: LostAttempt[]): void {
  for (const { event, error, isDead } of lost) {
    const report = telling.attempt(event);
    report.failed(knockerError("lease_lost", error), "its worker died or let go of it");
    if (isDead) report.dead(error);
  }
}

/** Runs it in a transaction of its own. A database in memory may be in one of the application's. */
function inTransaction<T>(connection: Connection<unknown>, work: () => T): T {
  if (connection.inTransaction) return work();
  connection.get("BEGIN IMMEDIATE");
  try {
    const result = work();
    connection.get("COMMIT");
    return result;
  } catch (error) {
    if (connection.inTransaction) connection.get("ROLLBACK");
    throw error;
  }
}
