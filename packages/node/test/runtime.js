// The runtime under test: this Node with the driver that KNOCKER_TEST_DRIVER names.
import { describe, it } from "node:test";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

import * as knocker from "@knocker/node";
import * as testingOf from "@knocker/node/testing";

const name = process.env.KNOCKER_TEST_DRIVER ?? "better-sqlite3";
const require = createRequire(import.meta.url);
const Database = name === "node:sqlite" ? process.getBuiltinModule("node:sqlite").DatabaseSync : require(name);

export const runtime = {
  label: `Node ${process.versions.node} with ${name}`,
  describe,
  it,
  knocker: { ...knocker, load: knocker.load },
  testing: {
    ...testingOf,
    sign: (provider, body, secret, options) => testingOf.sign(provider, body, secret, { ...options, driver: Database }),
  },
  /** Opens through the driver under test. */
  open: (path, options) => knocker.open(path, { driver: Database, ...options }),
  /** The driver's own database, without Knocker. */
  openRaw: (path) => (name === "node:sqlite" ? new Database(path, { allowExtension: true }) : new Database(path)),
  Database,
  /** Runs a file of fixtures/ in a process of its own. */
  command: [process.execPath],
  fixture: (file) => fileURLToPath(new URL(`fixtures/${file}`, import.meta.url)),
  packageName: "@knocker/node",
};
