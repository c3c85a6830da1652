import assert from "node:assert/strict";
import { it } from "bun:test";

import { knocker } from "./opening.js";

it("says of nodes of rqlite that they are for Node, and repeats no password", () => {
  assert.throws(
    () => knocker.open("rqlite://root:word-of-mouth@a:4001"),
    (error) => error instanceof knocker.UsageError && /@knocker\/node/.test(error.message) && !error.message.includes("word-of-mouth"),
  );
});
