/** An application's own hooks on a file of a test: its endpoints and handlers as they are, none of its rows. */

import type { Row } from "./driver.js";
import { knockerError } from "./errors.js";
import { Hooks, INTERNALS } from "./hooks.js";
import { RqliteInbox } from "./rqlite/inbox.js";
import type { OpenOptions } from "./options.js";
import { ENDPOINT_SETTINGS } from "./settings.js";
import { snake } from "./spelling.js";

/** Hooks that are on a file of a test. */
export interface OnFile extends AsyncDisposable {
  /** Puts them back on their own file, open or closed as they were. */
  end(): Promise<void>;
}

/** What the application has made in its file; of a virtual table the tables behind it come by themselves. */
const OWN = `
  SELECT sql FROM sqlite_schema
  WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
    AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')
    AND NOT (type = 'view' AND name GLOB 'knocker_*') AND NOT (tbl_name GLOB '_knocker_*' OR tbl_name GLOB '_honker_*')
  ORDER BY type <> 'table', rowid`;

/**
 * Puts the hooks of an application, with their endpoints, secrets and handlers and all that is mounted of them, on another file, which gets the tables of the
 * application without their rows. Workers that run are stopped.
 * @param path a new file, or `":memory:"`.
 * @param options what shall be different from what `open` was given: `{ now: frozenClock() }`.
 */
export async function onFile<Tx extends object>(hooks: Hooks<Tx>, path: string, options: OpenOptions = {}): Promise<OnFile> {
  if (!(hooks instanceof Hooks)) throw knockerError("usage", "onFile(hooks, path): takes what open() or attach() returned");
  if (hooks[INTERNALS].inbox instanceof RqliteInbox) {
    throw knockerError(
      "usage",
      "onFile(hooks, path): these hooks are on nodes of rqlite, whose tables a file has not; open a file in tests",
    );
  }
  const wasOpen = hooks[INTERNALS].inbox.isOpen;
  await hooks.reopen();
  const { inbox, endpoints } = hooks[INTERNALS];
  const statements = inbox.all(OWN).map(({ sql }) => sql as string);
  const taken = [...endpoints.values()].filter(({ isDeclared }) => !isDeclared).map(({ name }) => name);
  const stored = inbox.all("SELECT * FROM knocker_endpoints WHERE name IN (SELECT value FROM json_each(?))", JSON.stringify(taken));
  // Nobody makes a replica of a test's file.
  await hooks.reopen(path, { replicated: undefined, ...options });
  const { inbox: other } = hooks[INTERNALS];
  for (const statement of statements) other.connection.exec(statement);
  for (const row of stored) other.callSync("knocker_endpoint", row["name"]!, settingsOf(row));
  const end = async () => {
    await hooks.close();
    if (wasOpen) await hooks.reopen();
  };
  return { end, [Symbol.asyncDispose]: end };
}

/** The settings of a stored endpoint, as `knocker_endpoint` takes them. */
function settingsOf(row: Row): string {
  const settings = Object.fromEntries(Object.keys(ENDPOINT_SETTINGS).map((name) => [snake(name), row[snake(name)]]));
  const parsed = ["options", "backoff"].map((name) => [name, JSON.parse(row[name] as string)]);
  return JSON.stringify({ ...settings, ...Object.fromEntries(parsed), enabled: row["enabled"] !== 0 });
}
