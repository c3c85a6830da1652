import assert from "node:assert/strict";

import { countedOrders, write } from "./counted.js";
import { failure, file, github, PATIENCE_MS, push, SECRET, value } from "./workplace.js";

/** A handler that waits for the lock which it holds itself: told what it does, and where that can be, at once. */
export default function ownLock(runtime) {
  const { describe, it, knocker, testing, openRaw } = runtime;

  describe("after its first use of tx a handler", () => {
    it("that writes through a connection of its own is told that it holds the lock itself", async () => {
      const { hooks, endpoint, database, orders, close } = countedOrders(runtime);
      database.exec("PRAGMA busy_timeout = 0");
      endpoint.on("push", (event, tx) => {
        write(event, tx);
        database.prepare("INSERT INTO orders VALUES (1)").run();
      });
      endpoint.on("wrapped", (event, tx) => {
        write(event, tx);
        try {
          database.prepare("INSERT INTO orders VALUES (1)").run();
        } catch (error) {
          throw new Error("Failed query: insert into orders", { cause: error });
        }
      });
      for (const type of ["push", "wrapped"]) {
        const { eventId } = await endpoint.receive(push(runtime, { type }));
        const { errors } = await testing.drain(hooks);
        assert.ok(errors[0].error instanceof knocker.BusyError);
        assert.match(
          errors[0].error.message,
          /this handler has held the write lock of .*app\.db since its first use of tx.*Write through tx/,
        );
        assert.match((await hooks.event(eventId)).reason, /since its first use of tx/);
      }
      assert.deepEqual(orders(), []);
      await close();
    });

    it("is refused at once where it writes through the database that it was attached to, which waits again afterwards", async () => {
      const database = openRaw(file());
      database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}`);
      database.exec("CREATE TABLE orders (event INTEGER)");
      const hooks = knocker.attach(database, { logger: false });
      const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
      endpoint.on("push", (event, tx) => {
        write(event, tx);
        database.prepare("INSERT INTO orders VALUES (1)").run();
      });
      await endpoint.receive(push(runtime));
      const { errors } = await testing.drain(hooks);
      assert.match(errors[0].error.message, /since its first use of tx/);
      assert.deepEqual([value(database, "PRAGMA busy_timeout"), value(database, "SELECT count(*) FROM orders")], [PATIENCE_MS, 0]);
      await hooks.close();
      database.close();
    });

    it("is refused at once where it calls its own hooks, and not before", async () => {
      const { hooks, endpoint } = github(runtime);
      const seen = [];
      endpoint.on("push", async (event, tx) => {
        seen.push((await endpoint.ingest({ valid: true, type: "before" }, "")).outcome);
        tx.exec("CREATE TABLE IF NOT EXISTS orders (event INTEGER)");
        for (const call of [
          () => endpoint.ingest({ valid: true, type: "after" }, ""),
          () => hooks.stats().then(() => hooks.ignore(event.id)),
          () => endpoint.receiveSync(push(runtime)),
        ]) {
          const error = await failure(call);
          seen.push([error.code, /since its first use of tx/.test(error.message)]);
        }
      });
      endpoint.on("before", () => {});
      await endpoint.receive(push(runtime));
      assert.deepEqual((await testing.drain(hooks)).handled, 2);
      assert.deepEqual(seen, ["accepted", ["usage", true], ["usage", true], ["usage", true]]);
      await hooks.close();
    });
  });
}
