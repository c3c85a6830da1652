/** Warnings of requests that were refused: some senders never send them again. Anybody can send such, so there is a line a minute for each endpoint and reason. */

import { inLine, type Log } from "./log.js";
import type { Receipt } from "./records.js";
import { bodySize, type WebhookRequest } from "./request.js";
import type { Receiving } from "./tracing.js";

/** How long nothing more is said of an endpoint and a reason, in milliseconds. */
const PAUSE_MS = 60_000;

const REFUSED = new Set<Receipt["outcome"]>(["invalid", "too_large", "disabled", "limited"]);

/** The settings that bound what is kept of refused requests. */
const BOUNDS = "invalidPerHour, maxRefused, maxRefusedBytes";

/** The warnings of one `Hooks`. */
export class Refusals {
  readonly #log: Log;
  readonly #now: () => number | null;
  readonly #told = new Map<string, { at: number; untold: number }>();

  constructor(log: Log, now: () => number | null) {
    this.#log = log;
    this.#now = now;
  }

  /**
   * Tells of a receipt; of a refusal as a warning.
   * @param request where the size of its body is to be told.
   */
  tell(endpoint: string, receipt: Receipt, span: Receiving, request: WebhookRequest | undefined, maxBodyBytes: () => number): void {
    const { outcome, detail, deliveryId } = receipt;
    if (!REFUSED.has(outcome)) {
      this.#log("debug", `endpoint ${endpoint}: delivery ${deliveryId}: ${outcome}`, () => ({
        record: "receipt_stored",
        endpoint,
        outcome,
        delivery_id: deliveryId,
        event_id: receipt.eventId,
        duration_ms: span.durationMs,
        trace_id: span.traceId,
      }));
      return;
    }
    // That nothing more is kept is another trouble than why it was refused.
    const reason = outcome === "limited" ? outcome : (receipt.reason ?? outcome);
    const untold = this.#due(`${endpoint}\n${reason}`);
    if (untold === undefined) return;
    const more = untold > 0 ? ` (and ${untold} more since the last warning)` : "";
    const size = outcome === "too_large" && request ? { size: bodySize(request), max_body_bytes: maxBodyBytes() } : undefined;
    const what = {
      too_large: () =>
        `${size?.size ?? "too many"} bytes, maxBodyBytes is ${maxBodyBytes()}. Some senders never try again; raise it if this one is genuine`,
      limited: () => `${inLine(detail ?? "")}. The settings are ${BOUNDS}`,
    }[outcome as string];
    const message = `endpoint ${JSON.stringify(endpoint)} refused a request${more}: ${reason}: ${what?.() ?? inLine(detail ?? "")}`;
    const facts = { endpoint, outcome, reason, detail, delivery_id: deliveryId, untold, trace_id: span.traceId, ...size };
    this.#log("warn", message, { record: "receipt_refused", ...facts });
  }

  /** How many were not told since the last line; undefined where it is too early for another. */
  #due(key: string): number | undefined {
    const now = this.#now() ?? Date.now();
    const last = this.#told.get(key);
    // A clock that was put back must not silence it for longer.
    if (last && now >= last.at && now - last.at < PAUSE_MS) {
      last.untold += 1;
      return undefined;
    }
    this.#told.set(key, { at: now, untold: 0 });
    return last?.untold ?? 0;
  }
}
