// Generated from extension/contract/contract.json by `make contract`; do not edit.
/** Results of calls and rows of the views. What a newer library adds is passed over. */

import type { Headers } from "./event.js";
import { date, json, type Values } from "./values.js";

/** Every `AttemptResult`. */
export const ATTEMPT_RESULTS = ["handled", "failed", "dead", "ignored", "lease_expired"] as const;

/** How an attempt ended. */
export type AttemptResult = (typeof ATTEMPT_RESULTS)[number];

/** Every `DeliveryOutcome`. */
export const DELIVERY_OUTCOMES = ["accepted", "duplicate", "invalid", "handshake", "too_large", "disabled"] as const;

/** What became of a stored receipt. */
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];

/** Every `EventStatus`. */
export const EVENT_STATUSES = ["received", "processing", "failed", "handled", "dead", "ignored"] as const;

/** Where an event stands. */
export type EventStatus = (typeof EVENT_STATUSES)[number];

/** Every `OnRedelivery`. */
export const ON_REDELIVERIES = ["keep", "requeue_dead"] as const;

/** What a duplicate does to its event. */
export type OnRedelivery = (typeof ON_REDELIVERIES)[number];

/** Every `PruneKind`. */
export const PRUNE_KINDS = ["events", "deliveries", "retention"] as const;

/** What a prune was. */
export type PruneKind = (typeof PRUNE_KINDS)[number];

/** Every `Reason`. */
export const REASONS = [
  "missing_header",
  "malformed_header",
  "bad_signature",
  "timestamp_out_of_tolerance",
  "malformed_body",
  "no_secret",
  "not_allowed",
] as const;

/** Why a request was refused: a closed list, stored with the delivery. */
export type Reason = (typeof REASONS)[number];

/** Every `ReceiptOutcome`. */
export const RECEIPT_OUTCOMES = ["accepted", "duplicate", "invalid", "handshake", "too_large", "disabled", "limited"] as const;

/** What became of a receipt. */
export type ReceiptOutcome = (typeof RECEIPT_OUTCOMES)[number];

/** Every `Unhandled`. */
export const UNHANDLEDS = ["retry", "dead", "ignore"] as const;

/** What becomes of an event that no handler wants. */
export type Unhandled = (typeof UNHANDLEDS)[number];

/** Every `VerdictKind`. */
export const VERDICT_KINDS = ["delivery", "handshake"] as const;

/** What a verified request is. */
export type VerdictKind = (typeof VERDICT_KINDS)[number];

/** One attempt at an event. */
export interface AttemptRecord {
  /** Grows, and is never used again. */
  id: number;
  /** The event. */
  eventId: number;
  /** The name of its endpoint. */
  endpoint: string;
  /** The delivery whose body the handlers got. */
  deliveryId: number;
  /** Its number, from 1. */
  attempt: number;
  /** How it ended. */
  result: AttemptResult;
  /** What went wrong, or why the event was ignored. */
  error: string | null;
  /** The name of the worker. */
  worker: string;
  /** How long it took; null where the worker did not say. */
  durationMs: number | null;
  /** When it ended. */
  finishedAt: Date;
}

/** Reads an `AttemptRecord` from a row of its view. */
export function readAttemptRecord(values: Values): AttemptRecord {
  return {
    id: values["id"] as number,
    eventId: values["event_id"] as number,
    endpoint: values["endpoint"] as string,
    deliveryId: values["delivery_id"] as number,
    attempt: values["attempt"] as number,
    result: values["result"] as AttemptResult,
    error: (values["error"] ?? null) as string | null,
    worker: values["worker"] as string,
    durationMs: (values["duration_ms"] ?? null) as number | null,
    finishedAt: date(values["finished_at"]),
  };
}

/** Exponential backoff: `baseS` × `factor`ⁿ⁻¹ after attempt n, at most `capS`, and then ±10 % of jitter. */
export interface Backoff {
  /** Delay after the first attempt, in seconds. */
  baseS: number;
  /** What each further attempt multiplies it by. */
  factor: number;
  /** The longest delay, in seconds. */
  capS: number;
}

/** Reads a `Backoff` from a result. */
export function readBackoff(values: Values): Backoff {
  return {
    baseS: values["base_s"] as number,
    factor: values["factor"] as number,
    capS: values["cap_s"] as number,
  };
}

/** How many events a bulk action found and changed. */
export interface BulkResult {
  /** Events that met the filter, within its limit. */
  matched: number;
  /** Events that the action changed. */
  changed: number;
  /** Whether more events meet the filter than its limit let through. */
  more: boolean;
  /** Whether this only told what would happen. */
  dryRun: boolean;
}

/** Reads a `BulkResult` from a result. */
export function readBulkResult(values: Values): BulkResult {
  return {
    matched: values["matched"] as number,
    changed: values["changed"] as number,
    more: values["more"] as boolean,
    dryRun: values["dry_run"] as boolean,
  };
}

/** One HTTP receipt, valid or not, without its body. */
export interface DeliverySummary {
  /** Grows, and is never used again. */
  id: number;
  /** The name of its endpoint. */
  endpoint: string;
  /** What became of it. */
  outcome: DeliveryOutcome;
  /** The first of its events that still exists. */
  eventId: number | null;
  /** Why it was refused. */
  reason: Reason | null;
  /** The same in one sentence. */
  detail: string | null;
  /** The provider's id of the occurrence, where the caller of trusted ingress said it. */
  providerEventId: string | null;
  /** The provider's id of the delivery, where the caller of trusted ingress said it. */
  providerDeliveryId: string | null;
  /** The method, in capitals as sent. */
  method: string;
  /** The URL, credentials replaced. */
  url: string;
  /** The headers, credentials replaced. */
  headers: Headers;
  /** The size of the body. */
  bodySize: number;
  /** The digest of a body that is not stored. */
  bodySha256: string | null;
  /** When it came. */
  receivedAt: Date;
}

/** Reads a `DeliverySummary` from a row of its view. */
export function readDeliverySummary(values: Values): DeliverySummary {
  return {
    id: values["id"] as number,
    endpoint: values["endpoint"] as string,
    outcome: values["outcome"] as DeliveryOutcome,
    eventId: (values["event_id"] ?? null) as number | null,
    reason: (values["reason"] ?? null) as Reason | null,
    detail: (values["detail"] ?? null) as string | null,
    providerEventId: (values["provider_event_id"] ?? null) as string | null,
    providerDeliveryId: (values["provider_delivery_id"] ?? null) as string | null,
    method: values["method"] as string,
    url: values["url"] as string,
    headers: json(values["headers"]) as Headers,
    bodySize: values["body_size"] as number,
    bodySha256: (values["body_sha256"] ?? null) as string | null,
    receivedAt: date(values["received_at"]),
  };
}

/** The columns of `DeliverySummary`. */
export const DELIVERY_SUMMARY_COLUMNS =
  "id, endpoint, outcome, event_id, reason, detail, provider_event_id, provider_delivery_id, method, url, headers, body_size, body_sha256, received_at";

/** One HTTP receipt, valid or not. */
export interface DeliveryRecord extends DeliverySummary {
  /** The raw bytes, where they are kept. */
  body: Uint8Array | null;
}

/** Reads a `DeliveryRecord` from a row of its view. */
export function readDeliveryRecord(values: Values): DeliveryRecord {
  return { ...readDeliverySummary(values), body: (values["body"] ?? null) as Uint8Array | null };
}

/** The stored settings of an endpoint. */
export interface EndpointRecord {
  /** Its id. */
  id: number;
  /** Its name. */
  name: string;
  /** The name of its provider; null where it takes trusted ingress only. */
  provider: string | null;
  /** Options of the provider. */
  options: Record<string, unknown>;
  /** Whether receipts are taken. */
  enabled: boolean;
  /** Attempts before an event is dead. */
  maxAttempts: number;
  /** The delay between attempts. */
  backoff: Backoff;
  /** Larger bodies are refused before verification. */
  maxBodyBytes: number;
  /** What becomes of an event that no handler wants. */
  unhandled: Unhandled;
  /** What a duplicate does to its event. */
  onRedelivery: OnRedelivery;
  /** Refused receipts that are stored in any hour. */
  invalidPerHour: number;
  /** Refused deliveries that are kept in all. */
  maxRefused: number;
  /** Bytes that they take at most. */
  maxRefusedBytes: number;
  /** Events that one delivery creates at most. */
  maxBatchEvents: number;
  /** When it was created. */
  createdAt: Date;
  /** When its settings were changed last. */
  updatedAt: Date;
}

/** Reads an `EndpointRecord` from a row of its view. */
export function readEndpointRecord(values: Values): EndpointRecord {
  return {
    id: values["id"] as number,
    name: values["name"] as string,
    provider: (values["provider"] ?? null) as string | null,
    options: json(values["options"]) as Record<string, unknown>,
    enabled: Number(values["enabled"]) !== 0,
    maxAttempts: values["max_attempts"] as number,
    backoff: readBackoff(json(values["backoff"]) as Values),
    maxBodyBytes: values["max_body_bytes"] as number,
    unhandled: values["unhandled"] as Unhandled,
    onRedelivery: values["on_redelivery"] as OnRedelivery,
    invalidPerHour: values["invalid_per_hour"] as number,
    maxRefused: values["max_refused"] as number,
    maxRefusedBytes: values["max_refused_bytes"] as number,
    maxBatchEvents: values["max_batch_events"] as number,
    createdAt: date(values["created_at"]),
    updatedAt: date(values["updated_at"]),
  };
}

/** Events by status. */
export interface EventCounts {
  /** Waiting for their first attempt. */
  received: number;
  /** Being worked on. */
  processing: number;
  /** Waiting for another attempt. */
  failed: number;
  /** Done with. */
  handled: number;
  /** Without further attempts. */
  dead: number;
  /** Not to be handled. */
  ignored: number;
}

/** Reads an `EventCounts` from a result. */
export function readEventCounts(values: Values): EventCounts {
  return {
    received: values["received"] as number,
    processing: values["processing"] as number,
    failed: values["failed"] as number,
    handled: values["handled"] as number,
    dead: values["dead"] as number,
    ignored: values["ignored"] as number,
  };
}

/** What happened in the last hour, or in one minute of it. */
export interface LastHour {
  /** HTTP receipts, refused ones included. */
  receipts: number;
  /** Receipts without an event: invalid, too large, disabled, limited, and handshakes. */
  refused: number;
  /** Failed attempts. */
  failures: number;
}

/** Reads a `LastHour` from a result. */
export function readLastHour(values: Values): LastHour {
  return {
    receipts: values["receipts"] as number,
    refused: values["refused"] as number,
    failures: values["failures"] as number,
  };
}

/** What an endpoint keeps of refused deliveries, of which strangers can send as many as they like. */
export interface RefusedKept {
  /** Rows. */
  kept: number;
  /** Bytes of their columns. */
  bytes: number;
  /** Whether a bound is reached, so that further ones are only counted: prune, or set a retention policy. */
  full: boolean;
}

/** Reads a `RefusedKept` from a result. */
export function readRefusedKept(values: Values): RefusedKept {
  return {
    kept: values["kept"] as number,
    bytes: values["bytes"] as number,
    full: values["full"] as boolean,
  };
}

/** The figures of one endpoint. */
export interface EndpointStats {
  /** Its name. */
  endpoint: string;
  /** Its provider. */
  provider: string | null;
  /** Whether it takes receipts. */
  enabled: boolean;
  /** Events by status. */
  events: EventCounts;
  /** How long the longest-waiting due job has been due, in milliseconds. */
  oldestWaitingMs: number | null;
  /** What happened in the last hour. */
  lastHour: LastHour;
  /** What is kept of refused deliveries. */
  refused: RefusedKept;
}

/** Reads an `EndpointStats` from a result. */
export function readEndpointStats(values: Values): EndpointStats {
  return {
    endpoint: values["endpoint"] as string,
    provider: (values["provider"] ?? null) as string | null,
    enabled: values["enabled"] as boolean,
    events: readEventCounts(values["events"] as Values),
    oldestWaitingMs: (values["oldest_waiting_ms"] ?? null) as number | null,
    lastHour: readLastHour(values["last_hour"] as Values),
    refused: readRefusedKept(values["refused"] as Values),
  };
}

/** That a delivery brought an event. */
export interface EventDeliveryRecord {
  /** The event. */
  eventId: number;
  /** The delivery. */
  deliveryId: number;
  /** False for the delivery that created the event, true for a repeat. */
  duplicate: boolean;
}

/** Reads an `EventDeliveryRecord` from a row of its view. */
export function readEventDeliveryRecord(values: Values): EventDeliveryRecord {
  return {
    eventId: values["event_id"] as number,
    deliveryId: values["delivery_id"] as number,
    duplicate: Number(values["duplicate"]) !== 0,
  };
}

/** An event: what the business logic handles once, without its body. */
export interface EventSummary {
  /** Grows, and is never used again. */
  id: number;
  /** The name of its endpoint. */
  endpoint: string;
  /** The type in the provider's own spelling. */
  type: string | null;
  /** The identity that dedupe uses; null where the event is always new. */
  key: string | null;
  /** Where it stands. */
  status: EventStatus;
  /** Attempts that count, since it was received or put back. */
  attempts: number;
  /** Attempts before it is dead. */
  maxAttempts: number;
  /** Why it is failed, dead or ignored. */
  reason: string | null;
  /** The delivery whose body it has. */
  deliveryId: number;
  /** How often it was delivered. */
  deliveries: number;
  /** When its first delivery came. */
  receivedAt: Date;
  /** When its last one came. */
  lastDeliveryAt: Date;
  /** When the next attempt is due; null where none waits. */
  nextAttemptAt: Date | null;
  /** When it was handled or ignored, or died. */
  endedAt: Date | null;
}

/** Reads an `EventSummary` from a row of its view. */
export function readEventSummary(values: Values): EventSummary {
  return {
    id: values["id"] as number,
    endpoint: values["endpoint"] as string,
    type: (values["type"] ?? null) as string | null,
    key: (values["key"] ?? null) as string | null,
    status: values["status"] as EventStatus,
    attempts: values["attempts"] as number,
    maxAttempts: values["max_attempts"] as number,
    reason: (values["reason"] ?? null) as string | null,
    deliveryId: values["delivery_id"] as number,
    deliveries: values["deliveries"] as number,
    receivedAt: date(values["received_at"]),
    lastDeliveryAt: date(values["last_delivery_at"]),
    nextAttemptAt: values["next_attempt_at"] == null ? null : date(values["next_attempt_at"]),
    endedAt: values["ended_at"] == null ? null : date(values["ended_at"]),
  };
}

/** The columns of `EventSummary`. */
export const EVENT_SUMMARY_COLUMNS =
  "id, endpoint, type, key, status, attempts, max_attempts, reason, delivery_id, deliveries, received_at, last_delivery_at, next_attempt_at, ended_at";

/** An event: what the business logic handles once. */
export interface EventRecord extends EventSummary {
  /** Its payload: the whole body, or its own item of a batch. */
  body: Uint8Array | null;
}

/** Reads an `EventRecord` from a row of its view. */
export function readEventRecord(values: Values): EventRecord {
  return { ...readEventSummary(values), body: (values["body"] ?? null) as Uint8Array | null };
}

/** What a failed attempt left behind. */
export interface Failure {
  /** `failed`, `dead` or `ignored`. */
  status: EventStatus;
  /** When the next attempt is due, in Unix milliseconds. */
  nextAttemptAt: Date | null;
}

/** Reads a `Failure` from a result. */
export function readFailure(values: Values): Failure {
  return {
    status: values["status"] as EventStatus,
    nextAttemptAt: values["next_attempt_at"] == null ? null : date(values["next_attempt_at"]),
  };
}

/** One occurrence in a request: the whole of it, or one item of a batch. */
export interface Item {
  /** The type in the provider's own spelling. */
  type: string | null;
  /**
   * The identity that dedupe uses: what stays the same when the sender retries and differs between two occurrences. Null where the event is
   * always new.
   */
  key: string | null;
}

/** Reads an `Item` from a result. */
export function readItem(values: Values): Item {
  return {
    type: (values["type"] ?? null) as string | null,
    key: (values["key"] ?? null) as string | null,
  };
}

/** How long rows are kept. An age of null keeps them for ever. */
export interface RetentionPolicy {
  /** The endpoint; null for every one without its own policy. */
  endpoint: string | null;
  /** Age of handled events, in seconds since their last activity. */
  handledS: number | null;
  /** Age of ignored events. */
  ignoredS: number | null;
  /** Age of dead events. */
  deadS: number | null;
  /** Age of deliveries that no event needs. */
  deliveriesS: number | null;
  /** Age of prune records. */
  auditsS: number | null;
  /** Seconds between passes. */
  intervalS: number;
  /** Rows of a kind that one pass deletes at most. */
  limit: number;
}

/** Reads a `RetentionPolicy` from a result. */
export function readRetentionPolicy(values: Values): RetentionPolicy {
  return {
    endpoint: (values["endpoint"] ?? null) as string | null,
    handledS: (values["handled_s"] ?? null) as number | null,
    ignoredS: (values["ignored_s"] ?? null) as number | null,
    deadS: (values["dead_s"] ?? null) as number | null,
    deliveriesS: (values["deliveries_s"] ?? null) as number | null,
    auditsS: (values["audits_s"] ?? null) as number | null,
    intervalS: values["interval_s"] as number,
    limit: values["limit"] as number,
  };
}

/** A stored retention policy. */
export interface PolicyRecord {
  /** The id of the endpoint, 0 for the policy of every other one. */
  id: number;
  /** The name of the endpoint; null for the policy of every endpoint without its own. */
  endpoint: string | null;
  /** What it says. */
  policy: RetentionPolicy;
  /** When its next pass is due. */
  nextRunAt: Date;
}

/** Reads a `PolicyRecord` from a row of its view. */
export function readPolicyRecord(values: Values): PolicyRecord {
  return {
    id: values["id"] as number,
    endpoint: (values["endpoint"] ?? null) as string | null,
    policy: readRetentionPolicy(json(values["policy"]) as Values),
    nextRunAt: date(values["next_run_at"]),
  };
}

/** The record of one prune: what was asked for, and how many rows it deleted. */
export interface PruneRecord {
  /** Its id. */
  id: number;
  /** What was pruned. */
  kind: PruneKind;
  /** What was asked for. */
  filter: Record<string, unknown>;
  /** Events that went. */
  events: number;
  /** Deliveries that went. */
  deliveries: number;
  /** Attempts that went. */
  attempts: number;
  /** Records of earlier prunes that went. */
  audits: number;
  /** When. */
  prunedAt: Date;
}

/** Reads a `PruneRecord` from a row of its view. */
export function readPruneRecord(values: Values): PruneRecord {
  return {
    id: values["id"] as number,
    kind: values["kind"] as PruneKind,
    filter: json(values["filter"]) as Record<string, unknown>,
    events: values["events"] as number,
    deliveries: values["deliveries"] as number,
    attempts: values["attempts"] as number,
    audits: values["audits"] as number,
    prunedAt: date(values["pruned_at"]),
  };
}

/** The result of one prune. */
export interface PruneResult {
  /** The id of its record; null for a dry run. */
  pruneId: number | null;
  /** Events that went, or would go. */
  events: number;
  /** Deliveries that went, or would go. */
  deliveries: number;
  /** Attempts that went, or would go. */
  attempts: number;
  /** Records of earlier prunes that went, or would go. */
  audits: number;
  /** Whether the limit left more to prune. */
  more: boolean;
  /** Whether this only told what would happen. */
  dryRun: boolean;
}

/** Reads a `PruneResult` from a result. */
export function readPruneResult(values: Values): PruneResult {
  return {
    pruneId: (values["prune_id"] ?? null) as number | null,
    events: values["events"] as number,
    deliveries: values["deliveries"] as number,
    attempts: values["attempts"] as number,
    audits: values["audits"] as number,
    more: values["more"] as boolean,
    dryRun: values["dry_run"] as boolean,
  };
}

/** An event of a receipt. */
export interface ReceivedEvent {
  /** Its id. */
  id: number;
  /** Whether it was there before. */
  duplicate: boolean;
}

/** Reads a `ReceivedEvent` from a result. */
export function readReceivedEvent(values: Values): ReceivedEvent {
  return {
    id: values["id"] as number,
    duplicate: values["duplicate"] as boolean,
  };
}

/** An HTTP response that an adapter sends as it is. */
export interface WebhookResponse {
  /** The status code. */
  status: number;
  /** Header names in lower case, with their values. */
  headers: Record<string, string>;
  /** The body. */
  body: string;
}

/** Reads a `WebhookResponse` from a result. */
export function readWebhookResponse(values: Values): WebhookResponse {
  return {
    status: values["status"] as number,
    headers: values["headers"] as Record<string, string>,
    body: values["body"] as string,
  };
}

/** What became of one HTTP request: committed when you see it. */
export interface Receipt {
  /**
   * The stored delivery; null where the limit on refused receipts left only a count, or the provider never sends with the request's method.
   */
  deliveryId: number | null;
  /** What became of it. */
  outcome: ReceiptOutcome;
  /** The first of `events`. */
  eventId: number | null;
  /** The events that this delivery created or repeated, in the order of the body. */
  events: ReceivedEvent[];
  /** Why it was refused. */
  reason: Reason | null;
  /** The same in one sentence. */
  detail: string | null;
  /** What to answer. */
  response: WebhookResponse;
}

/** Reads a `Receipt` from a result. */
export function readReceipt(values: Values): Receipt {
  return {
    deliveryId: (values["delivery_id"] ?? null) as number | null,
    outcome: values["outcome"] as ReceiptOutcome,
    eventId: (values["event_id"] ?? null) as number | null,
    events: (values["events"] as Values[]).map(readReceivedEvent),
    reason: (values["reason"] ?? null) as Reason | null,
    detail: (values["detail"] ?? null) as string | null,
    response: readWebhookResponse(values["response"] as Values),
  };
}

/** What `replayDelivery` put back. */
export interface ReplayedDelivery {
  /** The delivery. */
  deliveryId: number;
  /** Its events, each queued again with this delivery's body. */
  eventIds: number[];
}

/** Reads a `ReplayedDelivery` from a result. */
export function readReplayedDelivery(values: Values): ReplayedDelivery {
  return {
    deliveryId: values["delivery_id"] as number,
    eventIds: values["event_ids"] as number[],
  };
}

/** What a pass did. */
export interface RetentionPass {
  /** Whether a pass was due. */
  ran: boolean;
  /** Events that went, or would go. */
  events: number;
  /** Deliveries that went, or would go. */
  deliveries: number;
  /** Attempts that went, or would go. */
  attempts: number;
  /** Records of earlier prunes that went, or would go. */
  audits: number;
  /** Whether the limit left more, so that another pass is due at once. */
  more: boolean;
}

/** Reads a `RetentionPass` from a result. */
export function readRetentionPass(values: Values): RetentionPass {
  return {
    ran: values["ran"] as boolean,
    events: values["events"] as number,
    deliveries: values["deliveries"] as number,
    attempts: values["attempts"] as number,
    audits: values["audits"] as number,
    more: values["more"] as boolean,
  };
}

/** The figures of a database. */
export interface Stats {
  /** By endpoint, in the order of creation. */
  endpoints: EndpointStats[];
  /** Events by status over all endpoints. */
  events: EventCounts;
  /** The longest over all endpoints. */
  oldestWaitingMs: number | null;
  /** The sum over all endpoints. */
  lastHour: LastHour;
  /** Size of the database file, in bytes. */
  databaseBytes: number;
}

/** Reads a `Stats` from a result. */
export function readStats(values: Values): Stats {
  return {
    endpoints: (values["endpoints"] as Values[]).map(readEndpointStats),
    events: readEventCounts(values["events"] as Values),
    oldestWaitingMs: (values["oldest_waiting_ms"] ?? null) as number | null,
    lastHour: readLastHour(values["last_hour"] as Values),
    databaseBytes: values["database_bytes"] as number,
  };
}

/** What became of the event. */
export interface Transition {
  /** The event. */
  eventId: number;
  /** Its status now. */
  status: EventStatus;
  /** Whether anything changed. */
  changed: boolean;
}

/** Reads a `Transition` from a result. */
export function readTransition(values: Values): Transition {
  return {
    eventId: values["event_id"] as number,
    status: values["status"] as EventStatus,
    changed: values["changed"] as boolean,
  };
}

/** Whether a request is what it claims to be. */
export interface Verdict {
  /** Whether it proved itself. */
  valid: boolean;
  /** What it is; null where it was refused. */
  kind: VerdictKind | null;
  /** Why it was refused. */
  reason: Reason | null;
  /** The same in one sentence. */
  detail: string | null;
  /** One for a single event, several for a batch, none for a handshake or a refusal. */
  items: Item[];
  /** What the provider expects as the answer. */
  response: WebhookResponse;
}

/** Reads a `Verdict` from a result. */
export function readVerdict(values: Values): Verdict {
  return {
    valid: values["valid"] as boolean,
    kind: (values["kind"] ?? null) as VerdictKind | null,
    reason: (values["reason"] ?? null) as Reason | null,
    detail: (values["detail"] ?? null) as string | null,
    items: (values["items"] as Values[]).map(readItem),
    response: readWebhookResponse(values["response"] as Values),
  };
}
