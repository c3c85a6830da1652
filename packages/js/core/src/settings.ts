/** The settings of an endpoint, which the file holds. */

import { ANYTHING, checkObject, jsonOf, type Shape } from "./check.js";
import { snake, toSql } from "./spelling.js";

/** The settings of an endpoint. One that is left out has its default, also where the file holds another value. */
export interface EndpointSettings {
  /** Name of a provider; without one the endpoint takes `ingest` only. */
  provider?: string;
  /** Options of that provider, as its page names them: `{ tolerance_s: 600 }`. */
  options?: Record<string, unknown>;
  /** `false`: receipts are answered 410. Left out: stays as it is. */
  enabled?: boolean;
  /** Attempts before an event is dead. Default 10. */
  maxAttempts?: number;
  /** Delay after attempt n: baseS × factorⁿ⁻¹ seconds, at most capS. Default 5, 4, 21600. */
  backoff?: { baseS?: number; factor?: number; capS?: number };
  /** Larger bodies are refused. Default: what the provider sends at most, where it says so, else 1 MiB. */
  maxBodyBytes?: number;
  /** What becomes of an event that no handler wants. Default `"dead"`. */
  unhandled?: "dead" | "ignore";
  /** `"requeue_dead"`: a duplicate of a dead event puts it back in the queue. Default `"keep"`. */
  onRedelivery?: "keep" | "requeue_dead";
  /** Refused receipts beyond this number an hour are only counted. Default 1000. */
  invalidPerHour?: number;
  /** So many refused receipts are kept at most, until a prune or a retention policy makes room; beyond it they are only counted. Default 10,000. */
  maxRefused?: number;
  /** The same, of their bytes. Default 128 MiB. */
  maxRefusedBytes?: number;
  /** One request makes at most so many events; one with more items is stored whole, as one event. Default 10,000. */
  maxBatchEvents?: number;
}

/** Settings to change; null puts a default back. */
export type EndpointChanges = { [Name in keyof EndpointSettings]?: EndpointSettings[Name] | null };

const BACKOFF: Shape = { baseS: ANYTHING, factor: ANYTHING, capS: ANYTHING };

/** Every setting. The core checks the values of what it stores. */
export const SETTINGS: Shape = {
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

/** Every setting but `enabled`, which an operator may have switched off and a restart must not switch on again. */
const RESET_BY_DEFAULT = Object.keys(SETTINGS)
  .filter((name) => name !== "enabled")
  .map(snake);

const DEFAULT_BACKOFF = { base_s: null, factor: null, cap_s: null };

/** These settings as the SQL functions name them. */
function given(where: string, settings: EndpointChanges): Record<string, unknown> {
  const { backoff } = settings;
  if (!backoff) return toSql(where, settings);
  checkObject(`${where}: backoff`, backoff, BACKOFF);
  return { ...toSql(where, settings), backoff: toSql(`${where}: backoff`, backoff) };
}

/** The configuration argument of `knocker_endpoint` for a declaration: null puts a default back where leaving out would keep what is stored. */
export function declarationOf(where: string, settings: EndpointSettings): string {
  const defaults = Object.fromEntries(RESET_BY_DEFAULT.map((name) => [name, null]));
  const said = given(where, settings);
  const backoff = settings.backoff && { backoff: { ...DEFAULT_BACKOFF, ...(said["backoff"] as object) } };
  return jsonOf(where, { ...defaults, ...said, ...backoff });
}

/** The same for a change: what is left out stays as it is. */
export function changeOf(where: string, settings: EndpointChanges): string {
  checkObject(where, settings, SETTINGS);
  return jsonOf(where, given(where, settings));
}
