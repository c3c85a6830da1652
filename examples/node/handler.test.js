// The smallest endpoint with a handler; the documentation's page of each provider shows it with that provider's name.
import assert from "node:assert/strict";
import { test } from "node:test";

import { open } from "@knocker/node";
import { drain, sign } from "@knocker/node/testing";

process.env.GITHUB_WEBHOOK_SECRET = "test-secret";

test("an event is received", async () => {
  const hooks = open(":memory:");
  // region: handler
  const endpoint = hooks.endpoint("github", { provider: "github", secrets: [process.env.GITHUB_WEBHOOK_SECRET] });

  endpoint.on("push", (event, tx) => {
    tx.exec("CREATE TABLE IF NOT EXISTS received (event INTEGER PRIMARY KEY, type TEXT)");
    tx.prepare("INSERT INTO received (event, type) VALUES (?, ?)").run(event.id, event.type);
  });
  // endregion: handler
  const push = sign("github", { after: "c4d5e6f7" }, process.env.GITHUB_WEBHOOK_SECRET, { headers: { "X-GitHub-Event": "push" } });
  assert.equal((await endpoint.receive(push)).outcome, "accepted");
  assert.equal((await drain(hooks)).handled, 1);
  assert.equal(hooks.query("SELECT type FROM received")[0].type, "push");
  await hooks.close();
});
