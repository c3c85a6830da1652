// The runtime under test: Bun with bun:sqlite.
import { describe, it } from "bun:test";
import { fileURLToPath } from "node:url";

import * as testing from "@knocker/bun/testing";

import { Database, knocker, open, openMany, openRaw } from "./opening.js";

export const runtime = {
  name: "bun",
  label: `Bun ${Bun.version}`,
  describe,
  it,
  knocker,
  testing,
  open,
  openMany,
  openRaw,
  /** Databases in memory whose rows are not as they usually are. */
  openUnusual: () => [new Database(":memory:", { safeIntegers: true })],
  Database,
  /** The module that fixtures import in processes and threads of their own. */
  opening: new URL("opening.js", import.meta.url).href,
  /** The package's own testing module, for such ones. */
  testingModule: import.meta.resolve("@knocker/bun/testing"),
  /** The module that they sign with. */
  signing: new URL("signing.js", import.meta.url).href,
  /** How a program is run that shall see edits of its modules. */
  reloads: [
    ["bun --hot", "--hot"],
    ["bun --watch", "--watch"],
  ],
  /** The runners of tests: name, program, arguments for the application's tests in the working folder. */
  runners: [["bun test", process.execPath, "test", "./bun.test.js"]],
  testingModule: import.meta.resolve("@knocker/bun/testing"),
  /** The worker's command. */
  command: fileURLToPath(new URL("../bin/knocker-worker.js", import.meta.url)),
};
