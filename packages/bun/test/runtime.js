// The runtime under test: Bun with bun:sqlite.
import { describe, it } from "bun:test";
import { Database } from "bun:sqlite";
import { fileURLToPath } from "node:url";

import * as knocker from "@knocker/bun";
import * as testing from "@knocker/bun/testing";

export const runtime = {
  label: `Bun ${Bun.version}`,
  describe,
  it,
  knocker,
  testing,
  /** Opens through the driver under test. */
  open: (path, options) => knocker.open(path, options),
  /** The driver's own database, without Knocker. */
  openRaw: (path) => new Database(path),
  Database,
  /** Runs a file of fixtures/ in a process of its own. */
  command: [process.execPath],
  fixture: (file) => fileURLToPath(new URL(`fixtures/${file}`, import.meta.url)),
  packageName: "@knocker/bun",
};
