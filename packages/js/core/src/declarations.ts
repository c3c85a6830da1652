/** Telling of declarations that differ: of two processes with other settings for one endpoint, the last one to start has its way. */

import type { Row } from "./driver.js";
import type { Log } from "./log.js";
import { ENDPOINT_SETTINGS } from "./settings.js";
import { snake } from "./spelling.js";

/** Logs what a declaration has changed of the settings that were stored. */
export function tellOfChanges(log: Log, before: Row, after: Row): void {
  const endpoint = before["name"] as string;
  const changed = Object.keys(ENDPOINT_SETTINGS).filter((name) => before[snake(name)] !== after[snake(name)]);
  if (changed.length === 0) return;
  // Options may hold a token.
  const shown = changed.map((name) => (name === "options" ? name : `${name} was ${before[snake(name)]} and is ${after[snake(name)]}`));
  // Those of the file, as every language's log has them.
  const settings = changed.map(snake);
  const message = `endpoint ${endpoint} is declared with other settings than those stored, perhaps by a process of another version: ${shown.join(", ")}`;
  log("warn", message, { record: "endpoint_changed", endpoint, settings });
}
