/** What operators do: look, repeat, give up, tidy. The rules are those of the SQL functions of the same names. */

import { check, checkId, checkObject, checkParameters, FLAG, type Shape, TEXT } from "./check.js";
import { changeOf } from "./configuration.js";
import type { SqlValue } from "./driver.js";
import { knockerError } from "./errors.js";
import {
  ACTION_OPTIONS,
  type ActionOptions,
  BULK_FILTER,
  type BulkFilter,
  PRUNE_DELIVERIES_FILTER,
  PRUNE_EVENTS_FILTER,
  type PruneDeliveriesFilter,
  type PruneEventsFilter,
  RETENTION_SETTINGS,
  type RetentionSettings,
} from "./filters.js";
import type { Inbox } from "./inbox.js";
import { EVENT_DELIVERIES, LIST_FILTERS } from "./list-filters.js";
import { toSql } from "./members.js";
import { type Conditions, LISTS, list, type ListOptions } from "./reads.js";
import {
  type AttemptRecord,
  type AttemptResult,
  type BulkResult,
  DELIVERY_SUMMARY_COLUMNS,
  type DeliveryOutcome,
  type DeliveryRecord,
  type DeliverySummary,
  type EndpointRecord,
  EVENT_SUMMARY_COLUMNS,
  type EventDeliveryRecord,
  type EventRecord,
  type EventStatus,
  type EventSummary,
  type PolicyRecord,
  type PruneRecord,
  type PruneResult,
  readAttemptRecord,
  readBulkResult,
  readDeliveryRecord,
  readDeliverySummary,
  readEndpointRecord,
  readEventDeliveryRecord,
  readEventRecord,
  readEventSummary,
  readPolicyRecord,
  readPruneRecord,
  readPruneResult,
  readReplayedDelivery,
  readRetentionPass,
  readRetentionPolicy,
  readStats,
  readTransition,
  type ReplayedDelivery,
  type RetentionPass,
  type RetentionPolicy,
  type Stats,
  type Transition,
} from "./records.js";
import type { EndpointSettings } from "./settings.js";
import { resultOf, type Values } from "./values.js";

const FUNCTION_NAME = {
  what: "the name of a function, knocker_…",
  allows: (value: unknown) => typeof value === "string" && /^knocker_[a-z_]+$/.test(value),
};

const METRICS_OPTIONS: Shape = { openmetrics: FLAG };

/** The options argument of an action on one event. */
function actionOptions(where: string, options: ActionOptions): string {
  checkObject(where, options, ACTION_OPTIONS);
  return JSON.stringify(options);
}

/** Reads and operator actions on one database. Every action is durable when its promise settles. */
export class Operator<Tx extends object> {
  protected inbox: Inbox<Tx>;

  constructor(inbox: Inbox<Tx>) {
    this.inbox = inbox;
  }

  /** Events, oldest first. `type` is exact, or `prefix.*`. */
  events(
    filter: ListOptions & { status?: EventStatus | EventStatus[]; endpoint?: string; type?: string; key?: string } = {},
  ): AsyncGenerator<EventSummary, void, void> {
    checkObject("events", filter, LIST_FILTERS.events);
    const { status, endpoint, type, key, ...options } = filter;
    return this.#list("events", readEventSummary, { status, endpoint, type, key }, options);
  }

  /** Deliveries, oldest first: every receipt, the refused ones too. */
  deliveries(
    filter: ListOptions & { outcome?: DeliveryOutcome | DeliveryOutcome[]; endpoint?: string; eventId?: number } = {},
  ): AsyncGenerator<DeliverySummary, void, void> {
    checkObject("deliveries", filter, LIST_FILTERS.deliveries);
    const { outcome, endpoint, eventId, ...options } = filter;
    return this.#list("deliveries", readDeliverySummary, { outcome, endpoint, of_event: eventId }, options);
  }

  /** Attempts, oldest first. */
  attempts(
    filter: ListOptions & { eventId?: number; endpoint?: string; result?: AttemptResult | AttemptResult[] } = {},
  ): AsyncGenerator<AttemptRecord, void, void> {
    checkObject("attempts", filter, LIST_FILTERS.attempts);
    const { eventId, endpoint, result, ...options } = filter;
    return this.#list("attempts", readAttemptRecord, { event_id: eventId, endpoint, result }, options);
  }

  /**
   * Which deliveries brought an event, or which events a delivery brought; name one of the two.
   * @throws UsageError where neither is named.
   */
  async eventDeliveries(of: { eventId?: number; deliveryId?: number }): Promise<EventDeliveryRecord[]> {
    checkObject("eventDeliveries", of, EVENT_DELIVERIES);
    const { eventId = null, deliveryId = null } = of;
    if (eventId === null && deliveryId === null) throw knockerError("usage", "eventDeliveries: name an eventId or a deliveryId");
    const sql = `SELECT event_id, delivery_id, duplicate FROM knocker_event_deliveries
      WHERE event_id = coalesce(?, event_id) AND delivery_id = coalesce(?, delivery_id) ORDER BY event_id, delivery_id`;
    return (await this.inbox.read(sql, eventId, deliveryId)).map(readEventDeliveryRecord);
  }

  /** The settings of every endpoint in the file, also of those that this process did not name. */
  storedEndpoints(options: ListOptions = {}): AsyncGenerator<EndpointRecord, void, void> {
    checkObject("storedEndpoints", options, LIST_FILTERS.endpoints);
    return this.#list("endpoints", readEndpointRecord, {}, options);
  }

  /** The stored retention policies. */
  policies(options: ListOptions = {}): AsyncGenerator<PolicyRecord, void, void> {
    checkObject("policies", options, LIST_FILTERS.policies);
    return this.#list("policies", readPolicyRecord, {}, options);
  }

  /** What was pruned when. */
  prunes(options: ListOptions = {}): AsyncGenerator<PruneRecord, void, void> {
    checkObject("prunes", options, LIST_FILTERS.prunes);
    return this.#list("prunes", readPruneRecord, {}, options);
  }

  /** One event with its body; undefined if there is none. */
  async event(id: number): Promise<EventRecord | undefined> {
    checkId("event", "id", id);
    const [row] = await this.inbox.read(`SELECT ${EVENT_SUMMARY_COLUMNS}, body FROM knocker_events WHERE id = ?`, id);
    return row && readEventRecord(row);
  }

  /** One delivery with its body; undefined if there is none. */
  async delivery(id: number): Promise<DeliveryRecord | undefined> {
    checkId("delivery", "id", id);
    const [row] = await this.inbox.read(`SELECT ${DELIVERY_SUMMARY_COLUMNS}, body FROM knocker_deliveries WHERE id = ?`, id);
    return row && readDeliveryRecord(row);
  }

  /**
   * Changes these settings of an endpoint and no others, `{ enabled: false }` for instance; null puts a default back. Returns its id.
   * @throws UnknownEndpointError where there is none of that name: `endpoint(name, options)` creates it.
   */
  async updateEndpoint(name: string, settings: EndpointSettings): Promise<number> {
    check("updateEndpoint", "name", name, TEXT);
    const config = changeOf("updateEndpoint", settings);
    if ((await this.inbox.read("SELECT 1 FROM knocker_endpoints WHERE name = ?", name)).length === 0) {
      throw knockerError("unknown_endpoint", `no endpoint is named ${JSON.stringify(name)}: \`endpoint(name, options)\` creates one`);
    }
    return (await this.inbox.call("knocker_endpoint", name, config)) as number;
  }

  /** Handles a handled, failed, dead or ignored event again. `force` takes one that is being worked on as well, from its worker. */
  async replay(eventId: number, options: ActionOptions = {}): Promise<Transition> {
    checkId("replay", "eventId", eventId);
    return this.#act(readTransition, "knocker_replay", eventId, actionOptions("replay", options));
  }

  /** Puts a failed, dead or ignored event back in the queue; with `force` also one that is being worked on. */
  async requeue(eventId: number, options: ActionOptions = {}): Promise<Transition> {
    checkId("requeue", "eventId", eventId);
    return this.#act(readTransition, "knocker_requeue", eventId, actionOptions("requeue", options));
  }

  /** Handles the events of a delivery again, with this delivery's own body; with `force` also those that are being worked on. */
  async replayDelivery(deliveryId: number, options: ActionOptions = {}): Promise<ReplayedDelivery> {
    checkId("replayDelivery", "deliveryId", deliveryId);
    return this.#act(readReplayedDelivery, "knocker_replay_delivery", deliveryId, actionOptions("replayDelivery", options));
  }

  /** Gives up a received, failed or dead event; with `force` also one that is being worked on. */
  async ignore(eventId: number, reason?: string, options: ActionOptions = {}): Promise<Transition> {
    checkId("ignore", "eventId", eventId);
    if (reason !== undefined) check("ignore", "reason", reason, TEXT);
    return this.#act(readTransition, "knocker_ignore", eventId, reason ?? null, actionOptions("ignore", options));
  }

  /** `replay` for every event of the filter. */
  replayWhere(filter: BulkFilter): Promise<BulkResult> {
    return this.#actOn("replayWhere", "knocker_replay_where", filter, BULK_FILTER, readBulkResult);
  }

  /** `requeue` for every event of the filter. */
  requeueWhere(filter: BulkFilter): Promise<BulkResult> {
    return this.#actOn("requeueWhere", "knocker_requeue_where", filter, BULK_FILTER, readBulkResult);
  }

  /** `ignore` for every event of the filter. */
  ignoreWhere(filter: BulkFilter): Promise<BulkResult> {
    return this.#actOn("ignoreWhere", "knocker_ignore_where", filter, BULK_FILTER, readBulkResult);
  }

  /** Deletes ended events, oldest first, with what only they need. */
  pruneEvents(filter: PruneEventsFilter): Promise<PruneResult> {
    return this.#actOn("pruneEvents", "knocker_prune_events", filter, PRUNE_EVENTS_FILTER, readPruneResult);
  }

  /** Deletes deliveries that no event needs. */
  pruneDeliveries(filter: PruneDeliveriesFilter): Promise<PruneResult> {
    return this.#actOn("pruneDeliveries", "knocker_prune_deliveries", filter, PRUNE_DELIVERIES_FILTER, readPruneResult);
  }

  /** Stores how long things are kept, replacing the former policy of that endpoint. */
  retention(policy: RetentionSettings): Promise<RetentionPolicy> {
    return this.#actOn("retention", "knocker_retention", policy, RETENTION_SETTINGS, readRetentionPolicy);
  }

  /** Runs the retention pass that is due, if any. */
  retain(): Promise<RetentionPass> {
    return this.#act(readRetentionPass, "knocker_retain");
  }

  /** Counts, ages and the figures of the last hour. */
  async stats(): Promise<Stats> {
    const [row] = await this.inbox.read("SELECT knocker_stats(?) AS result", this.inbox.now());
    return readStats(resultOf(row!["result"]));
  }

  /**
   * Every metric as the text that Prometheus reads, or as OpenMetrics: see docs/metrics.md. `metricsFetch` and `metricsExpress()` serve it.
   */
  async metrics(options: { openmetrics?: boolean } = {}): Promise<string> {
    checkObject("metrics", options, METRICS_OPTIONS);
    const format = options.openmetrics ? "openmetrics" : "prometheus";
    const sql = "SELECT knocker_metrics(?, ?, ?) AS result";
    const [row] = await this.inbox.read(sql, format, JSON.stringify(this.inbox.receiveDurations), this.inbox.now());
    return row!["result"] as string;
  }

  /**
   * Calls a function of the SQL contract, in the next group commit: `await hooks.call("knocker_version")`.
   * The clock of `open` follows as the last argument of those that take one.
   */
  async call(name: `knocker_${string}`, ...parameters: SqlValue[]): Promise<SqlValue> {
    // The name becomes part of the statement.
    check("call", "name", name, FUNCTION_NAME);
    checkParameters(name, parameters);
    if (name === "knocker_version") return this.inbox.all("SELECT knocker_version() AS result")[0]!["result"]!;
    return this.inbox.call(name, ...parameters);
  }

  /** Reads with SQL: the views are the stable contract. */
  query(sql: string, ...parameters: SqlValue[]): Record<string, SqlValue>[] {
    check("query", "sql", sql, TEXT);
    checkParameters("query", parameters);
    return this.inbox.query(sql, ...parameters);
  }

  #list<T>(
    name: keyof typeof LISTS,
    record: (row: Values) => T,
    conditions: Conditions,
    options: ListOptions,
  ): AsyncGenerator<T, void, void> {
    return list<T>((sql, ...parameters) => this.inbox.read(sql, ...parameters), record, LISTS[name], conditions, options);
  }

  /** An action on what a filter or a policy says. */
  async #actOn<T>(where: string, name: string, filter: object, shape: Shape, record: (result: Values) => T): Promise<T> {
    checkObject(where, filter, shape);
    return this.#act(record, name, JSON.stringify(toSql(where, filter)));
  }

  async #act<T>(record: (result: Values) => T, name: string, ...parameters: SqlValue[]): Promise<T> {
    return record(resultOf(await this.inbox.call(name, ...parameters)));
  }
}
