/** The settings of an endpoint as `knocker_endpoint` takes them. */

import { checkObject, jsonOf } from "./check.js";
import { toSql } from "./members.js";
import { BACKOFF_SETTINGS, ENDPOINT_SETTINGS, type EndpointSettings } from "./settings.js";
import { snake } from "./spelling.js";

/** Every setting but `enabled`, which an operator may have switched off and a restart must not switch on again. */
const RESET_BY_DEFAULT = Object.keys(ENDPOINT_SETTINGS)
  .filter((name) => name !== "enabled")
  .map(snake);

const DEFAULT_BACKOFF = Object.fromEntries(Object.keys(BACKOFF_SETTINGS).map((name) => [snake(name), null]));

/** These settings as the SQL functions name them. */
function given(where: string, settings: EndpointSettings): Record<string, unknown> {
  const { backoff } = settings;
  if (!backoff) return toSql(where, settings);
  checkObject(`${where}: backoff`, backoff, BACKOFF_SETTINGS);
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
export function changeOf(where: string, settings: EndpointSettings): string {
  checkObject(where, settings, ENDPOINT_SETTINGS);
  return jsonOf(where, given(where, settings));
}
