/** What became of a request, and what the sender gets to see. */

import { ANYTHING, type Shape } from "./check.js";
import type { SqlValue } from "./driver.js";
import type { HeadersInput } from "./request.js";

/** What became of a receipt. */
export type DeliveryOutcome = (typeof OUTCOMES)[number];

/** Every `DeliveryOutcome`. */
export const OUTCOMES = ["accepted", "duplicate", "invalid", "handshake", "too_large", "disabled", "limited"] as const;

/** Why a receipt was refused. */
export type Reason =
  "missing_header" | "malformed_header" | "bad_signature" | "timestamp_out_of_tolerance" | "malformed_body" | "no_secret" | "not_allowed";

/** What the sender gets to see. */
export interface WebhookResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** An event that a receipt brought. */
export interface ReceivedEvent {
  id: number;
  /** Whether it was there already. */
  duplicate: boolean;
}

/** What became of one request. */
export interface Receipt {
  /** Null where the receipt was only counted. */
  deliveryId: number | null;
  outcome: DeliveryOutcome;
  /** The first of `events`, or null. */
  eventId: number | null;
  events: ReceivedEvent[];
  reason: Reason | null;
  /** One sentence for the person who reads it. */
  detail: string | null;
  response: WebhookResponse;
}

/** An event that a verified request brings. */
export interface Item {
  type: string | null;
  /** The identity that dedupe uses; null where the event is always new. */
  key: string | null;
}

/** Whether a request is what it claims to be. */
export interface Verdict {
  valid: boolean;
  kind: "delivery" | "handshake" | null;
  reason: Reason | null;
  /** One sentence for the person who reads it. */
  detail: string | null;
  /** One for a single event, several for a batch. */
  items: Item[];
  /** What the provider would get to see. */
  response: WebhookResponse;
}

/** What a caller that has verified a request itself says of it. */
export interface IngestFields {
  /** Only `true` creates an event. */
  valid: boolean;
  type?: string;
  /** The identity that dedupe uses, before the provider's ids. */
  key?: string;
  reason?: Reason;
  detail?: string;
  providerEventId?: string;
  providerDeliveryId?: string;
  method?: string;
  url?: string;
  headers?: HeadersInput;
}

/** The keys of `IngestFields`. */
export const INGEST_FIELDS: Shape = {
  valid: ANYTHING,
  type: ANYTHING,
  key: ANYTHING,
  reason: ANYTHING,
  detail: ANYTHING,
  providerEventId: ANYTHING,
  providerDeliveryId: ANYTHING,
  method: ANYTHING,
  url: ANYTHING,
  headers: { what: "an object or pairs of name and value", allows: (value) => typeof value === "object" && value !== null },
};

/** The result of `knocker_receive` and `knocker_ingest` as SQL writes it. */
interface ReceiptJson {
  delivery_id: number | null;
  outcome: DeliveryOutcome;
  event_id: number | null;
  events: ReceivedEvent[];
  reason: Reason | null;
  detail: string | null;
  response: WebhookResponse;
}

/** Reads the result of `knocker_receive` and `knocker_ingest`. Member by member, because it happens for each request. */
export function readReceipt(result: SqlValue): Receipt {
  const { delivery_id, outcome, event_id, events, reason, detail, response } = JSON.parse(result as string) as ReceiptJson;
  return { deliveryId: delivery_id, outcome, eventId: event_id, events, reason, detail, response };
}
