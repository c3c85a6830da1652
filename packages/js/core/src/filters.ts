// Generated from extension/contract/contract.json by `make contract`; do not edit.
/** What actions, filters and policies may say. */

import { FLAG, OBJECT, oneOf, orNull, type Shape, SIZE, someOf, TEXT, TEXTS, TIME, WHOLE } from "./check.js";
import type { HeadersInput } from "./request.js";
import { EVENT_STATUSES, type EventStatus, type Reason, REASONS } from "./records.js";

/** Every `PrunableStatus`. */
export const PRUNABLE_STATUSES = ["handled", "ignored", "dead"] as const;

/** What a filter's `status` may be. */
export type PrunableStatus = (typeof PRUNABLE_STATUSES)[number];

/** Every `LooseOutcome`. */
export const LOOSE_OUTCOMES = ["invalid", "handshake", "too_large", "disabled", "duplicate"] as const;

/** What a filter's `outcome` may be. */
export type LooseOutcome = (typeof LOOSE_OUTCOMES)[number];

/** What a caller that has verified a request itself says of it. */
export interface IngestFields {
  /** Only true creates an event. */
  valid: boolean;
  /** The event's type. */
  type?: string | null;
  /** The identity that dedupe uses; it wins over the provider's ids. */
  key?: string | null;
  /** Why it is not valid. */
  reason?: Reason | null;
  /** The same in one sentence. */
  detail?: string | null;
  /** The provider's id of the occurrence. */
  providerEventId?: string | null;
  /** The provider's id of the delivery. */
  providerDeliveryId?: string | null;
  /** The method of the request. Default "POST". */
  method?: string | null;
  /** Its URL. Default "/". */
  url?: string | null;
  /** Its headers. */
  headers?: HeadersInput | null;
}

/** What `IngestFields` may hold. */
export const INGEST_FIELDS: Shape = {
  valid: orNull(FLAG),
  type: orNull(TEXT),
  key: orNull(TEXT),
  reason: orNull(oneOf(REASONS)),
  detail: orNull(TEXT),
  providerEventId: orNull(TEXT),
  providerDeliveryId: orNull(TEXT),
  method: orNull(TEXT),
  url: orNull(TEXT),
  headers: orNull(OBJECT),
};

/** Which jobs a worker takes. */
export interface ClaimFilter {
  /** Those of these endpoints; left out: of all. */
  endpoints?: string | readonly string[] | null;
}

/** What `ClaimFilter` may hold. */
export const CLAIM_FILTER: Shape = {
  endpoints: orNull(TEXTS),
};

/** Whose next claim is asked about. */
export interface DueFilter {
  /** Those of these endpoints; left out: of all. */
  endpoints?: string | readonly string[] | null;
  /** The name of the worker; left out: of one that holds nothing. */
  worker?: string | null;
}

/** What `DueFilter` may hold. */
export const DUE_FILTER: Shape = {
  endpoints: orNull(TEXTS),
  worker: orNull(TEXT),
};

/** How a failed attempt goes on. */
export interface FailedOptions {
  /** Seconds until the next attempt, instead of the endpoint's backoff. 0 to 2,592,000 seconds. */
  retryAfterS?: number | null;
  /** No further attempt. */
  dead?: boolean | null;
  /** No handler wants the event: the endpoint's `unhandled` decides. */
  noHandler?: boolean | null;
}

/** What `FailedOptions` may hold. */
export const FAILED_OPTIONS: Shape = {
  retryAfterS: orNull(SIZE),
  dead: orNull(FLAG),
  noHandler: orNull(FLAG),
};

/** How an operator's action on one event is done. */
export interface ActionOptions {
  /** Also take an event that waits, or that a worker is working on: the worker finds its lease lost. */
  force?: boolean | null;
}

/** What `ActionOptions` may hold. */
export const ACTION_OPTIONS: Shape = {
  force: orNull(FLAG),
};

/** Which events a bulk action takes, oldest first: at least one of `status`, `endpoint`, `type`, `since` and `until`. */
export interface BulkFilter {
  /** One status or several, of those that the action leaves; with `force` those of waiting and running events too. */
  status?: EventStatus | readonly EventStatus[] | null;
  /** The endpoint. */
  endpoint?: string | null;
  /** The type: exact, or `prefix.*`. */
  type?: string | null;
  /** Received at or after this time. */
  since?: Date | number | null;
  /** Received before this time. */
  until?: Date | number | null;
  /** Events that one call takes at most. 1 to 100,000. Default 1,000. */
  limit?: number | null;
  /** Lets `status` name events that wait, or that a worker is working on: the worker finds its lease lost. */
  force?: boolean | null;
  /** Only tell what would happen. */
  dryRun?: boolean | null;
}

/** What `BulkFilter` may hold. */
export const BULK_FILTER: Shape = {
  status: orNull(someOf(EVENT_STATUSES)),
  endpoint: orNull(TEXT),
  type: orNull(TEXT),
  since: orNull(TIME),
  until: orNull(TIME),
  limit: orNull(WHOLE),
  force: orNull(FLAG),
  dryRun: orNull(FLAG),
};

/** Which ended events to delete, oldest first. One of `olderThanS` and `before` is required. */
export interface PruneEventsFilter {
  /** The last activity (ended at, or last delivery) was longer ago than this. 0 to 100,000,000,000 seconds. */
  olderThanS?: number | null;
  /** The last activity was before this time. */
  before?: Date | number | null;
  /** One status or several; dead events go only by name. Default ["handled", "ignored"]. */
  status?: PrunableStatus | readonly PrunableStatus[] | null;
  /** The endpoint. */
  endpoint?: string | null;
  /** The type: exact, or `prefix.*`. */
  type?: string | null;
  /** Events that one call deletes at most. 1 to 100,000. Default 1,000. */
  limit?: number | null;
  /** Old prune records too. */
  audits?: boolean | null;
  /** Only tell what would happen. */
  dryRun?: boolean | null;
}

/** What `PruneEventsFilter` may hold. */
export const PRUNE_EVENTS_FILTER: Shape = {
  olderThanS: orNull(SIZE),
  before: orNull(TIME),
  status: orNull(someOf(PRUNABLE_STATUSES)),
  endpoint: orNull(TEXT),
  type: orNull(TEXT),
  limit: orNull(WHOLE),
  audits: orNull(FLAG),
  dryRun: orNull(FLAG),
};

/** Which deliveries to delete, oldest first, of those that no event needs as its payload. One of `olderThanS` and `before` is required. */
export interface PruneDeliveriesFilter {
  /** Received longer ago than this. 0 to 100,000,000,000 seconds. */
  olderThanS?: number | null;
  /** Received before this time. */
  before?: Date | number | null;
  /** One outcome or several. */
  outcome?: LooseOutcome | readonly LooseOutcome[] | null;
  /** The endpoint. */
  endpoint?: string | null;
  /** Deliveries that one call deletes at most. 1 to 100,000. Default 1,000. */
  limit?: number | null;
  /** Only tell what would happen. */
  dryRun?: boolean | null;
}

/** What `PruneDeliveriesFilter` may hold. */
export const PRUNE_DELIVERIES_FILTER: Shape = {
  olderThanS: orNull(SIZE),
  before: orNull(TIME),
  outcome: orNull(someOf(LOOSE_OUTCOMES)),
  endpoint: orNull(TEXT),
  limit: orNull(WHOLE),
  dryRun: orNull(FLAG),
};

/** How long rows are kept. An age that is left out or null keeps them for ever; with no age at all the policy is removed. */
export interface RetentionSettings {
  /** The endpoint; left out or null: every one without its own policy. */
  endpoint?: string | null;
  /** Age of handled events, since their last activity. 0 to 100,000,000,000 seconds. */
  handledS?: number | null;
  /** Age of ignored events. 0 to 100,000,000,000 seconds. */
  ignoredS?: number | null;
  /** Age of dead events. 0 to 100,000,000,000 seconds. */
  deadS?: number | null;
  /** Age of deliveries that no event needs. 0 to 100,000,000,000 seconds. */
  deliveriesS?: number | null;
  /** Age of prune records, which belong to no endpoint: it goes without `endpoint`. 0 to 100,000,000,000 seconds. */
  auditsS?: number | null;
  /** Time between passes. 1 to 31,536,000 seconds. Default 3,600. */
  intervalS?: number | null;
  /** Rows of a kind that one pass deletes at most, over all endpoints. 1 to 100,000. Default 1,000. */
  limit?: number | null;
}

/** What `RetentionSettings` may hold. */
export const RETENTION_SETTINGS: Shape = {
  endpoint: orNull(TEXT),
  handledS: orNull(WHOLE),
  ignoredS: orNull(WHOLE),
  deadS: orNull(WHOLE),
  deliveriesS: orNull(WHOLE),
  auditsS: orNull(WHOLE),
  intervalS: orNull(WHOLE),
  limit: orNull(WHOLE),
};
