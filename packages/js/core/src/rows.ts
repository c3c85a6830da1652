/** The rows of the views, as JavaScript sees them: names in its case, times as `Date`, JSON parsed. */

import { camel, fromSql } from "./spelling.js";
import type { Row } from "./driver.js";
import type { Headers } from "./event.js";
import type { RetentionPolicy } from "./operate-types.js";
import type { DeliveryOutcome, Reason } from "./receipt.js";

/** Where an event stands. `failed` will be tried again; `dead` will not. */
export type EventStatus = (typeof EVENT_STATUSES)[number];

/** Every `EventStatus`. */
export const EVENT_STATUSES = ["received", "processing", "failed", "handled", "dead", "ignored"] as const;

/** A row of `knocker_events`, without its body. */
export interface EventSummary {
  id: number;
  endpoint: string;
  type: string | null;
  /** The identity that dedupe uses. */
  key: string | null;
  status: EventStatus;
  attempts: number;
  maxAttempts: number;
  reason: string | null;
  /** The delivery whose body the event has. */
  deliveryId: number;
  /** How often it was delivered. */
  deliveries: number;
  receivedAt: Date;
  lastDeliveryAt: Date;
  nextAttemptAt: Date | null;
  endedAt: Date | null;
}

/** A row of `knocker_events`. */
export interface EventRecord extends EventSummary {
  body: Uint8Array | null;
}

/** A row of `knocker_deliveries`, without its body. */
export interface DeliverySummary {
  id: number;
  endpoint: string;
  outcome: DeliveryOutcome;
  eventId: number | null;
  reason: Reason | null;
  detail: string | null;
  providerEventId: string | null;
  providerDeliveryId: string | null;
  method: string;
  url: string;
  headers: Headers;
  bodySize: number;
  bodySha256: string | null;
  receivedAt: Date;
}

/** A row of `knocker_deliveries`. */
export interface DeliveryRecord extends DeliverySummary {
  body: Uint8Array | null;
}

/** What became of an attempt. */
export type AttemptResult = (typeof ATTEMPT_RESULTS)[number];

/** Every `AttemptResult`. */
export const ATTEMPT_RESULTS = ["handled", "failed", "dead", "ignored", "lease_expired"] as const;

/** A row of `knocker_attempts`. */
export interface AttemptRecord {
  id: number;
  eventId: number;
  endpoint: string;
  deliveryId: number;
  attempt: number;
  result: AttemptResult;
  error: string | null;
  worker: string;
  durationMs: number | null;
  finishedAt: Date;
}

/** A row of `knocker_event_deliveries`. */
export interface EventDeliveryRecord {
  eventId: number;
  deliveryId: number;
  /** False for the delivery that created the event, true for a repeat. */
  duplicate: boolean;
}

/** A row of `knocker_endpoints`. */
export interface EndpointRecord {
  id: number;
  name: string;
  provider: string | null;
  options: Record<string, unknown>;
  enabled: boolean;
  maxAttempts: number;
  backoff: { baseS: number; factor: number; capS: number };
  maxBodyBytes: number;
  unhandled: "dead" | "ignore";
  onRedelivery: "keep" | "requeue_dead";
  invalidPerHour: number;
  maxRefused: number;
  maxRefusedBytes: number;
  maxBatchEvents: number;
  createdAt: Date;
  updatedAt: Date;
}

/** A row of `knocker_prunes`. */
export interface PruneRecord {
  id: number;
  /** `retention`: a pass of a policy that deleted something; its filter is the policy. */
  kind: "events" | "deliveries" | "retention";
  filter: Record<string, unknown>;
  events: number;
  deliveries: number;
  attempts: number;
  audits: number;
  prunedAt: Date;
}

/** A row of `knocker_policies`. */
export interface PolicyRecord {
  id: number;
  /** Null for the policy of every endpoint without its own. */
  endpoint: string | null;
  policy: RetentionPolicy;
  nextRunAt: Date;
}

/** Columns whose JSON is the sender's or the provider's: its names are data. */
const DATA_COLUMNS = new Set(["headers", "options", "filter"]);
/** Columns whose JSON is Knocker's own. */
const SETTING_COLUMNS = new Set(["backoff", "policy"]);

/** Converts a row of a view. */
export function readRow<T>(row: Row): T {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      if (column.endsWith("_at")) return [camel(column), value === null ? null : new Date(Number(value))];
      if (SETTING_COLUMNS.has(column)) return [column, fromSql(JSON.parse(value as string))];
      if (DATA_COLUMNS.has(column)) return [column, typeof value === "string" ? (JSON.parse(value) as unknown) : value];
      if (column === "enabled" || column === "duplicate") return [column, Number(value) !== 0];
      return [camel(column), value];
    }),
  ) as T;
}
