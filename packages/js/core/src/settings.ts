// Generated from extension/contract/contract.json by `make contract`; do not edit.
/** The settings of an endpoint. */

import { ANYTHING, type Shape } from "./check.js";
import type { OnRedelivery, Unhandled } from "./records.js";

/** The delay between attempts; null stands for the default. */
export interface BackoffSettings {
  /** Delay after the first attempt. 0 to 2,592,000 seconds. Default 5. */
  baseS?: number | null;
  /** What each further attempt multiplies it by. 1 to 100. Default 4. */
  factor?: number | null;
  /** The longest delay. 0 to 2,592,000 seconds. Default 21,600. */
  capS?: number | null;
}

/** What `BackoffSettings` may hold. */
export const BACKOFF_SETTINGS: Shape = {
  baseS: ANYTHING,
  factor: ANYTHING,
  capS: ANYTHING,
};

/** The settings of an endpoint; null stands for the default. */
export interface EndpointSettings {
  /** Name of a provider; without one the endpoint takes trusted ingress only. */
  provider?: string | null;
  /** Options of that provider. */
  options?: Record<string, unknown> | null;
  /** Whether receipts are taken; where not, they are answered 410. Default true. */
  enabled?: boolean | null;
  /** Attempts before an event is dead. 1 to 1,000. Default 10. */
  maxAttempts?: number | null;
  /** The delay after attempt n: base × factorⁿ⁻¹, at most the cap, and then ±10 % of jitter. */
  backoff?: BackoffSettings | null;
  /**
   * Larger bodies are refused before verification. Where it is not set: the provider's documented maximum, at least this. 1 to 104,857,600
   * bytes. Default 1,048,576.
   */
  maxBodyBytes?: number | null;
  /** What becomes of an event that no handler wants. Default "retry". */
  unhandled?: Unhandled | null;
  /** What a duplicate does to its event. Default "keep". */
  onRedelivery?: OnRedelivery | null;
  /** Refused receipts that are stored in any hour; those beyond are only counted. 0 to 1,000,000,000. Default 1,000. */
  invalidPerHour?: number | null;
  /**
   * Refused deliveries that are kept in all; those beyond are only counted, until a prune or a retention policy makes room. 0 to
   * 1,000,000,000. Default 10,000.
   */
  maxRefused?: number | null;
  /** Bytes that they take at most, every column counted. 0 to 1,000,000,000,000 bytes. Default 134,217,728. */
  maxRefusedBytes?: number | null;
  /** Events that one delivery creates at most; a larger batch is stored whole, as one event. 1 to 1,000,000. Default 10,000. */
  maxBatchEvents?: number | null;
}

/** What `EndpointSettings` may hold. */
export const ENDPOINT_SETTINGS: Shape = {
  provider: ANYTHING,
  options: ANYTHING,
  enabled: ANYTHING,
  maxAttempts: ANYTHING,
  backoff: ANYTHING,
  maxBodyBytes: ANYTHING,
  unhandled: ANYTHING,
  onRedelivery: ANYTHING,
  invalidPerHour: ANYTHING,
  maxRefused: ANYTHING,
  maxRefusedBytes: ANYTHING,
  maxBatchEvents: ANYTHING,
};
