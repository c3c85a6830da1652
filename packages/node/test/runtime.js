// The runtime under test: this Node with the driver that KNOCKER_TEST_DRIVER names.
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import * as testing from "@knocker/node/testing";

import { Database, driver, knocker, open, openRaw } from "./opening.js";

export const runtime = {
  label: `Node ${process.versions.node} with ${driver}`,
  describe,
  it,
  knocker,
  testing: {
    ...testing,
    sign: (provider, body, secret, options) => testing.sign(provider, body, secret, { ...options, driver: Database }),
  },
  open,
  openRaw,
  Database,
  /** The module that fixtures import in processes and threads of their own. */
  opening: new URL("opening.js", import.meta.url).href,
  /** The worker's command. */
  command: fileURLToPath(new URL("../bin/knocker-worker.js", import.meta.url)),
};
