import assert from "node:assert/strict";

import { collect, file, github, internals, push, SECRET } from "./workplace.js";

/** `PRAGMA trusted_schema = OFF`, as SQLite's documentation advises. */
export default function trustedSchema(runtime) {
  const { describe, it, knocker, testing, openRaw } = runtime;

  /** Everything that views and triggers take part in. */
  async function live(hooks) {
    const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
    endpoint.on("push", (event, tx) => {
      tx.exec("PRAGMA trusted_schema = OFF");
      tx.exec("CREATE TABLE IF NOT EXISTS orders (event INTEGER)");
      tx.prepare("INSERT INTO orders SELECT id FROM knocker_events WHERE id = ?").run(event.id);
    });
    const signed = push(runtime);
    for (const outcome of ["accepted", "duplicate"]) assert.equal((await endpoint.receive(signed)).outcome, outcome);
    assert.equal((await endpoint.receive({ ...signed, body: "forged" })).outcome, "invalid");
    assert.equal((await testing.drain(hooks)).handled, 1);
    assert.equal((await hooks.replay(1)).status, "received");
    assert.equal((await testing.drain(hooks)).handled, 1);
    for (const list of ["events", "deliveries", "attempts", "storedEndpoints", "policies", "prunes"]) await collect(hooks[list]());
    assert.deepEqual([(await hooks.stats()).events.handled, (await hooks.event(1)).deliveries], [1, 2]);
    assert.equal((await hooks.pruneEvents({ olderThanS: 0 })).events, 1);
    await hooks.close();
  }

  describe("a schema that is not trusted", () => {
    it("works on a file", async () => {
      const { hooks } = github(runtime);
      internals(hooks).inbox.connection.exec("PRAGMA trusted_schema = OFF");
      assert.equal(hooks.query("PRAGMA trusted_schema")[0].trusted_schema, 0);
      await live(hooks);
    });

    it("works on the application's own connection, in memory and on a file", async () => {
      for (const path of [":memory:", file()]) {
        const database = openRaw(path);
        database.exec("PRAGMA trusted_schema = OFF");
        await live(knocker.attach(database));
        database.close();
      }
    });
  });
}
