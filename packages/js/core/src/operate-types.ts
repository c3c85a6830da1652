/** What operator actions take and return. Times are a `Date` or Unix milliseconds; durations say their unit. */

import type { EventStatus } from "./rows.js";
import type { DeliveryOutcome } from "./receipt.js";

/** How an action on one event is meant. */
export interface ActionOptions {
  /** Also where a worker has the event: it is taken from that worker, which finds `LeaseLostError`. */
  force?: boolean;
}

/** What an action did to an event. */
export interface Transition {
  eventId: number;
  status: EventStatus;
  /** False where it was in that state already. */
  changed: boolean;
}

/** What `replayDelivery` did. */
export interface ReplayedDelivery {
  deliveryId: number;
  /** The events that were put back in the queue. */
  eventIds: number[];
}

/** Which events a bulk action takes: at least one of status, endpoint, type, since, until. */
export interface BulkFilter {
  status?: EventStatus | EventStatus[];
  endpoint?: string;
  /** Exact, or `prefix.*`. */
  type?: string;
  since?: Date | number;
  /** Not included. */
  until?: Date | number;
  /** Default 1000. */
  limit?: number;
  /** Also events that a worker has, which finds `LeaseLostError`. */
  force?: boolean;
  /** Only count. */
  dryRun?: boolean;
}

/** What a bulk action did. */
export interface BulkResult {
  matched: number;
  changed: number;
  /** The limit ended it: call again. */
  more: boolean;
  dryRun: boolean;
}

/** Which ended events to delete. One of `olderThanS` and `before` is required. */
export interface PruneEventsFilter {
  /** Seconds since the last activity. */
  olderThanS?: number;
  before?: Date | number;
  /** Default handled and ignored; dead ones only when named. */
  status?: "handled" | "ignored" | "dead" | ("handled" | "ignored" | "dead")[];
  endpoint?: string;
  type?: string;
  /** Default 1000. */
  limit?: number;
  /** Old prune records too. */
  audits?: boolean;
  dryRun?: boolean;
}

/** Which deliveries to delete. One of `olderThanS` and `before` is required. */
export interface PruneDeliveriesFilter {
  olderThanS?: number;
  before?: Date | number;
  outcome?: DeliveryOutcome | DeliveryOutcome[];
  endpoint?: string;
  limit?: number;
  dryRun?: boolean;
}

/** What a prune deleted. */
export interface PruneResult {
  /** Null for a dry run. */
  pruneId: number | null;
  events: number;
  deliveries: number;
  attempts: number;
  audits: number;
  /** The limit ended it: call again. */
  more: boolean;
  dryRun: boolean;
}

/** How long things are kept, in seconds; left out or null: for ever. Without any age the policy is removed. */
export interface RetentionPolicy {
  /** Left out: every endpoint without a policy of its own. */
  endpoint?: string | null;
  handledS?: number | null;
  ignoredS?: number | null;
  deadS?: number | null;
  deliveriesS?: number | null;
  /** Prune records, which belong to no endpoint: refused together with `endpoint`. */
  auditsS?: number | null;
  /** Between two passes. Default 3600. */
  intervalS?: number;
  /** Rows of a kind in one pass. Default 1000. */
  limit?: number;
}

/** What a retention pass did. */
export interface RetentionPass {
  ran: boolean;
  events: number;
  deliveries: number;
  attempts: number;
  audits: number;
  more: boolean;
}

/** How many events stand where. */
export type EventCounts = Record<EventStatus, number>;

/** The last hour. */
export interface LastHour {
  receipts: number;
  refused: number;
  /** Failed attempts. */
  failures: number;
}

/** What is kept of refused deliveries, of which strangers can send as many as they like. */
export interface RefusedKept {
  kept: number;
  /** Of all their columns. */
  bytes: number;
  /** A bound of the endpoint is reached (`maxRefused`, `maxRefusedBytes`): further ones are only counted until a prune makes room. */
  full: boolean;
}

/** The figures of one endpoint. */
export interface EndpointStats {
  endpoint: string;
  provider: string | null;
  enabled: boolean;
  events: EventCounts;
  /** How long the longest-waiting due job has been due; null where none is. */
  oldestWaitingMs: number | null;
  lastHour: LastHour;
  refused: RefusedKept;
}

/** The figures of a file. */
export interface Stats {
  endpoints: EndpointStats[];
  events: EventCounts;
  oldestWaitingMs: number | null;
  lastHour: LastHour;
  databaseBytes: number;
}
