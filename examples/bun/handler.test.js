// The smallest endpoint with a handler; the documentation's page of each provider shows it with that provider's name.
import { expect, test } from "bun:test";

import { open } from "@knocker/bun";
import { drain, sign } from "@knocker/bun/testing";

process.env.GITHUB_WEBHOOK_SECRET = "test-secret";

test("an event is received", async () => {
  const hooks = open(":memory:");
  // region: handler
  const endpoint = hooks.endpoint("github", { provider: "github", secrets: [process.env.GITHUB_WEBHOOK_SECRET] });

  endpoint.on("push", (event, tx) => {
    tx.run("CREATE TABLE IF NOT EXISTS received (event INTEGER PRIMARY KEY, type TEXT)");
    tx.query("INSERT INTO received (event, type) VALUES (?, ?)").run(event.id, event.type);
  });
  // endregion: handler
  const push = sign("github", { after: "c4d5e6f7" }, process.env.GITHUB_WEBHOOK_SECRET, { headers: { "X-GitHub-Event": "push" } });
  expect((await endpoint.receive(push)).outcome).toBe("accepted");
  expect((await drain(hooks)).handled).toBe(1);
  expect(hooks.query("SELECT type FROM received")[0].type).toBe("push");
  await hooks.close();
});
