// The runtime under test: this Node with the driver that KNOCKER_TEST_DRIVER names.
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import * as testing from "@knocker/node/testing";

import { Database, driver, knocker, open, openMany, openRaw } from "./opening.js";

export const runtime = {
  name: "node",
  label: `Node ${process.versions.node} with ${driver}`,
  describe,
  it,
  knocker,
  testing: {
    ...testing,
    sign: (provider, body, secret, options) => testing.sign(provider, body, secret, { ...options, driver: Database }),
  },
  open,
  openMany,
  openRaw,
  /** Databases in memory whose rows are not as they usually are. */
  openUnusual() {
    if (driver !== "node:sqlite") return [new Database(":memory:").defaultSafeIntegers(true)];
    return [{ readBigInts: true }, { returnArrays: true }].map((options) => new Database(":memory:", { allowExtension: true, ...options }));
  },
  Database,
  /** The module that fixtures import in processes and threads of their own. */
  opening: new URL("opening.js", import.meta.url).href,
  /** The package's own testing module, for such ones. */
  testingModule: import.meta.resolve("@knocker/node/testing"),
  /** The module that they sign with. */
  signing: new URL("signing.js", import.meta.url).href,
  /** How a program is run that shall see edits of its modules. */
  reloads: [["node --watch", "--watch"]],
  /** The runners of tests: name, program, arguments for the application's tests in the working folder. */
  runners: [
    ["node:test", process.execPath, "--test", "node.test.js"],
    ["vitest", process.execPath, fileURLToPath(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url)), "run", "vitest.test.js"],
  ],
  testingModule: import.meta.resolve("@knocker/node/testing"),
  /** The worker's command. */
  command: fileURLToPath(new URL("../bin/knocker-worker.js", import.meta.url)),
};
