import assert from "node:assert/strict";

import { deferred, failure, file, push, rows, SECRET, value } from "./workplace.js";

/** Knocker on a database that the application opened. */
export default function attaching(runtime) {
  const { describe, it, knocker, openRaw, testing } = runtime;

  describe("attach", () => {
    it("works on the file of the application's database, with connections of its own", async () => {
      const database = openRaw(file());
      database.exec("CREATE TABLE orders (event INTEGER)");
      const hooks = knocker.attach(database);
      const endpoint = hooks.endpoint("github", { provider: "github", secrets: SECRET });
      const handled = deferred();
      endpoint.on("push", (event, tx) => {
        tx.prepare("INSERT INTO orders VALUES (?)").run(event.id);
        handled.resolve();
      });
      const working = hooks.work();
      const { eventId } = await endpoint.receive(push(runtime));
      await handled.promise;
      await working.stop();
      assert.deepEqual(
        rows(database, "SELECT event FROM orders").map((row) => row.event),
        [eventId],
      );
      assert.equal(value(database, "SELECT status FROM knocker_events"), "handled");
      await hooks.close();
      // The application's connection is its own.
      assert.equal(value(database, "SELECT count(*) FROM orders"), 1);
      database.close();
    });

    it("leaves the application's own transactions alone, and lets them call the SQL functions", async () => {
      const database = openRaw(file());
      const hooks = knocker.attach(database);
      const inbound = hooks.endpoint("inbound", {});
      database.exec("BEGIN IMMEDIATE");
      database.prepare("SELECT knocker_ingest('inbound', ?, 'in a transaction')").all('{"valid": true, "key": "a"}');
      const waiting = inbound.ingest({ valid: true, key: "b" }, "behind it");
      database.exec("ROLLBACK");
      assert.equal((await waiting).outcome, "accepted");
      assert.deepEqual(
        rows(database, "SELECT key FROM knocker_events").map((row) => row.key),
        ["b"],
      );
      await hooks.close();
      database.close();
    });

    it("shares a database in memory", async () => {
      const database = openRaw(":memory:");
      const hooks = knocker.attach(database);
      const endpoint = hooks.endpoint("github", { provider: "github", secrets: SECRET });
      endpoint.on("push", (event, tx) => tx.exec("CREATE TABLE seen (id INTEGER)"));
      await endpoint.receive(push(runtime));
      assert.equal((await testing.drain(hooks)).handled, 1);
      assert.equal(value(database, "SELECT count(*) FROM seen"), 0);
      database.exec("BEGIN");
      const waiting = endpoint.receive(push(runtime));
      database.exec("COMMIT");
      assert.equal((await waiting).outcome, "accepted");
      await hooks.close();
      assert.equal(value(database, "SELECT count(*) FROM knocker_events"), 2);
      database.close();
    });

    it("opens beside open hooks of the same driver", async () => {
      const path = file();
      const hooks = runtime.open(path);
      const database = openRaw(path);
      const second = knocker.attach(database);
      assert.equal(second.file, hooks.file);
      await second.close();
      await hooks.close();
      database.close();
    });

    it("says what it takes", async () => {
      const closed = openRaw(file());
      closed.close();
      for (const database of [undefined, null, {}, "app.db", closed]) {
        const error = await failure(() => knocker.attach(database));
        assert.ok(error instanceof knocker.UsageError, `${database}: ${error}`);
        assert.match(error.message, /no Database of|closed|not open/);
        assert.ok((await failure(() => knocker.load(database))) instanceof knocker.UsageError);
      }
    });

    it("leaves a shared database in memory as the application has set it up", async () => {
      for (const database of runtime.openUnusual()) {
        const pragma = (name) => Number(Object.values(database.prepare(`PRAGMA ${name}`).all()[0])[0]);
        const settings = () => ["busy_timeout", "foreign_keys", "synchronous"].map(pragma);
        database.exec("PRAGMA busy_timeout = 1234; PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF");
        const before = settings();
        const hooks = knocker.attach(database);
        const endpoint = hooks.endpoint("github", { provider: "github", secrets: SECRET });
        endpoint.on("push", (event, tx) => tx.exec("CREATE TABLE seen (id INTEGER)"));
        const { eventId } = await endpoint.receive(push(runtime));
        assert.equal((await testing.drain(hooks)).handled, 1);
        assert.equal((await hooks.event(eventId)).status, "handled");
        assert.equal((await hooks.stats()).events.handled, 1);
        await hooks.close();
        assert.deepEqual(settings(), before);
        database.close();
      }
    });

    it("refuses a database in memory in the middle of a transaction", async () => {
      const database = openRaw(":memory:");
      database.exec("BEGIN");
      const error = await failure(() => knocker.attach(database));
      assert.ok(error instanceof knocker.UsageError);
      assert.match(error.message, /transaction is open/);
      database.close();
    });
  });
}
