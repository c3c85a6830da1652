/** Telling of handlers that nothing can arrive for: of some providers every type of event is known. */

import { nearestOf } from "./check.js";
import type { Row } from "./driver.js";
import type { Log } from "./log.js";

/** What the provider of one endpoint can send: a row, or none where not every type is known or no provider verifies. */
export const SENDABLE = `SELECT provider.title, provider.types FROM knocker_endpoints endpoint JOIN knocker_providers provider
  ON provider.name = endpoint.provider WHERE endpoint.name = ? AND provider.types_closed`;

/** Says in the log that nothing of this pattern arrives, with the nearest type. */
export function checkSendable(log: Log, endpoint: string, sendable: Row | undefined, pattern: string): void {
  if (!sendable || pattern === "*") return;
  const types = JSON.parse(sendable["types"] as string) as string[];
  if (types.includes(pattern) || (pattern.endsWith(".*") && types.some((type) => type.startsWith(pattern.slice(0, -1))))) return;
  const near = nearestType(pattern.replace(/\.\*$/, ""), types);
  const known = near ? `did you mean ${JSON.stringify(near)}?` : "`knocker providers` has the types";
  const hint = types.length ? known : 'its events have no type: on("*", …)';
  const what = `${String(sendable["title"])} sends nothing of the type ${JSON.stringify(pattern)} that is known here, so this handler may never run`;
  log("warn", `endpoint ${endpoint}: ${what}; ${hint}`, { record: "type_unknown", endpoint, type: pattern });
}

function nearestType(given: string, types: readonly string[]): string | undefined {
  // "pull_request.opened" where the type is "pull_request".
  const begun = types.filter((type) => given.startsWith(`${type}.`)).sort((left, right) => right.length - left.length);
  return begun[0] ?? nearestOf(given, types);
}
