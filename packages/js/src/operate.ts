/** What operators do: look, repeat, give up, tidy. The rules are those of the SQL functions of the same names. */

import { fromSql, toSql } from "./case.js";
import type { SqlValue } from "./driver.js";
import { type Conditions, LISTS, list, type ListOptions } from "./lists.js";
import { knockerError } from "./errors.js";
import {
  type AttemptOutcome,
  type AttemptRecord,
  type DeliveryRecord,
  type DeliverySummary,
  type EndpointRecord,
  type EventDeliveryRecord,
  type EventRecord,
  type EventStatus,
  type EventSummary,
  type PolicyRecord,
  type PruneRecord,
  readRow,
} from "./rows.js";
import type { Outcome } from "./receive.js";
import type { Session } from "./session.js";
import type { ActionResult, BulkFilter, BulkResult, PruneDeliveriesFilter, PruneEventsFilter, PruneResult } from "./operate-types.js";
import type { RetainResult, RetentionPolicy, Stats } from "./operate-types.js";

/** Reads and operator actions on one database. Every action is durable when its promise settles. */
export class Operator<Tx extends object> {
  protected readonly session: Session<Tx>;

  constructor(session: Session<Tx>) {
    this.session = session;
  }

  /** Events, oldest first. `type` is exact, or `prefix.*`. */
  events(
    filter: ListOptions & { status?: EventStatus | EventStatus[]; endpoint?: string; type?: string; key?: string } = {},
  ): AsyncGenerator<EventSummary, void, void> {
    const { status, endpoint, type, key, ...options } = filter;
    return this.#list<EventSummary>("events", { status, endpoint, type, key }, options);
  }

  /** Deliveries, oldest first: every receipt, the refused ones too. */
  deliveries(
    filter: ListOptions & { outcome?: Outcome | Outcome[]; endpoint?: string; eventId?: number } = {},
  ): AsyncGenerator<DeliverySummary, void, void> {
    const { outcome, endpoint, eventId, ...options } = filter;
    return this.#list<DeliverySummary>("deliveries", { outcome, endpoint, of_event: eventId }, options);
  }

  /** Attempts, oldest first. */
  attempts(
    filter: ListOptions & { eventId?: number; endpoint?: string; outcome?: AttemptOutcome | AttemptOutcome[] } = {},
  ): AsyncGenerator<AttemptRecord, void, void> {
    const { eventId, endpoint, outcome, ...options } = filter;
    return this.#list<AttemptRecord>("attempts", { event_id: eventId, endpoint, outcome }, options);
  }

  /**
   * Which deliveries brought an event, or which events a delivery brought; name one of the two.
   * @throws UsageError where neither is named.
   */
  async eventDeliveries(of: { eventId?: number; deliveryId?: number }): Promise<EventDeliveryRecord[]> {
    const { eventId = null, deliveryId = null } = of;
    if (eventId === null && deliveryId === null) throw knockerError("usage", "eventDeliveries: name an eventId or a deliveryId");
    const sql = `SELECT event_id, delivery_id, duplicate FROM knocker_event_deliveries
      WHERE event_id = coalesce(?, event_id) AND delivery_id = coalesce(?, delivery_id) ORDER BY event_id, delivery_id`;
    return this.session.all(sql, eventId, deliveryId).map((row) => readRow<EventDeliveryRecord>(row));
  }

  /** The endpoints in the file, also those that this process did not name. */
  endpoints(options: ListOptions = {}): AsyncGenerator<EndpointRecord, void, void> {
    return this.#list<EndpointRecord>("endpoints", {}, options);
  }

  /** The stored retention policies. */
  policies(options: ListOptions = {}): AsyncGenerator<PolicyRecord, void, void> {
    return this.#list<PolicyRecord>("policies", {}, options);
  }

  /** What was pruned when. */
  prunes(options: ListOptions = {}): AsyncGenerator<PruneRecord, void, void> {
    return this.#list<PruneRecord>("prunes", {}, options);
  }

  /** One event with its body; undefined if there is none. */
  async event(id: number): Promise<EventRecord | undefined> {
    const row = this.session.all("SELECT * FROM knocker_events WHERE id = ?", id)[0];
    return row && readRow<EventRecord>(row);
  }

  /** One delivery with its body; undefined if there is none. */
  async delivery(id: number): Promise<DeliveryRecord | undefined> {
    const row = this.session.all("SELECT * FROM knocker_deliveries WHERE id = ?", id)[0];
    return row && readRow<DeliveryRecord>(row);
  }

  /** Handles a handled, failed, dead or ignored event again. */
  replay(eventId: number): Promise<ActionResult> {
    return this.#act("knocker_replay", eventId);
  }

  /** Puts a failed, dead or ignored event back in the queue. */
  requeue(eventId: number): Promise<ActionResult> {
    return this.#act("knocker_requeue", eventId);
  }

  /** Handles the events of a delivery again, with this delivery's own body. */
  replayDelivery(deliveryId: number): Promise<{ deliveryId: number; eventIds: number[] }> {
    return this.#act("knocker_replay_delivery", deliveryId);
  }

  /** Gives up a received, failed or dead event. */
  ignore(eventId: number, reason?: string): Promise<ActionResult> {
    return this.#act("knocker_ignore", eventId, reason ?? null);
  }

  /** `replay` for every event of the filter. */
  replayWhere(filter: BulkFilter): Promise<BulkResult> {
    return this.#act("knocker_replay_where", JSON.stringify(toSql(filter)));
  }

  /** `requeue` for every event of the filter. */
  requeueWhere(filter: BulkFilter): Promise<BulkResult> {
    return this.#act("knocker_requeue_where", JSON.stringify(toSql(filter)));
  }

  /** `ignore` for every event of the filter. */
  ignoreWhere(filter: BulkFilter): Promise<BulkResult> {
    return this.#act("knocker_ignore_where", JSON.stringify(toSql(filter)));
  }

  /** Deletes ended events, oldest first, with what only they need. */
  pruneEvents(filter: PruneEventsFilter): Promise<PruneResult> {
    return this.#act("knocker_prune_events", JSON.stringify(toSql(filter)));
  }

  /** Deletes deliveries that no event needs. */
  pruneDeliveries(filter: PruneDeliveriesFilter): Promise<PruneResult> {
    return this.#act("knocker_prune_deliveries", JSON.stringify(toSql(filter)));
  }

  /** Stores how long things are kept, replacing the former policy of that endpoint. */
  retention(policy: RetentionPolicy): Promise<Required<RetentionPolicy>> {
    return this.#act("knocker_retention", JSON.stringify(toSql(policy)));
  }

  /** Runs the retention pass that is due, if any. */
  retain(): Promise<RetainResult> {
    return this.#act("knocker_retain");
  }

  /** Counts, ages and the figures of the last hour. */
  async stats(): Promise<Stats> {
    const result = this.session.all("SELECT knocker_stats(?) AS result", this.session.now())[0]!["result"] as string;
    return fromSql<Stats>(JSON.parse(result));
  }

  /**
   * Calls a function of the SQL contract, in the next group commit: `await hooks.call("knocker_version")`.
   * The clock of `open` follows as the last argument of those that take one.
   */
  async call(name: `knocker_${string}`, ...parameters: SqlValue[]): Promise<SqlValue> {
    if (name === "knocker_version") return this.session.all("SELECT knocker_version() AS result")[0]!["result"]!;
    return this.session.call(name, ...parameters);
  }

  /** Reads with SQL: the views are the stable contract. */
  query(sql: string, ...parameters: SqlValue[]): Record<string, SqlValue>[] {
    return this.session.all(sql, ...parameters);
  }

  #list<T>(name: keyof typeof LISTS, conditions: Conditions, options: ListOptions): AsyncGenerator<T, void, void> {
    return list<T>((sql, ...parameters) => this.session.all(sql, ...parameters), LISTS[name], conditions, options);
  }

  async #act<T>(name: string, ...parameters: SqlValue[]): Promise<T> {
    return fromSql<T>(JSON.parse((await this.session.call(name, ...parameters)) as string));
  }
}
