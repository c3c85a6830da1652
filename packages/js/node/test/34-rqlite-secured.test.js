import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { collect } from "@knocker/core/suite/workplace.js";
import { knocker } from "./opening.js";
import { NOT_RUN, URL_OF_NODES } from "./rqlite-nodes.js";
import { runtime } from "./runtime.js";

const isSecured = URL_OF_NODES?.startsWith("rqlites://");
const nodes = URL_OF_NODES?.slice(URL_OF_NODES.lastIndexOf("@") + 1);

/** What no message may repeat. */
const CREDENTIALS = /an:other|an%3Aother|the\/pass|the%2Fpass|nobody/;

function refusal(address) {
  try {
    runtime.open(address, { busyTimeoutMs: 60_000 });
  } catch (error) {
    assert.ok(error instanceof knocker.UsageError, String(error));
    assert.doesNotMatch(error.message, CREDENTIALS);
    return error.message;
  }
  throw new Error("this should have failed");
}

describe("rqlite: over HTTPS with credentials", isSecured ? {} : { skip: NOT_RUN }, () => {
  it("stores and reads", async () => {
    const hooks = runtime.open(URL_OF_NODES);
    const inbox = hooks.endpoint("inbox", {});
    const { eventId } = await inbox.ingest({ valid: true }, "a");
    assert.deepEqual(
      (await collect(hooks.events())).map(({ id }) => id),
      [eventId],
    );
    assert.equal(Buffer.from((await hooks.event(eventId)).body).toString(), "a");
    await hooks.close();
  });

  it("is refused other credentials at once, and repeats none", () => {
    for (const credentials of ["", "knocker:an%3Aother@", "nobody:the%2Fpass%3Aword@"]) {
      assert.match(refusal(`rqlites://${credentials}${nodes}`), /401/);
    }
  });

  it("does not speak without HTTPS to a node that asks for it", () => {
    assert.match(refusal(URL_OF_NODES.replace("rqlites://", "rqlite://")), /400/);
  });
});
