import assert from "node:assert/strict";

import { countedOrders, write } from "./counted.js";
import { collect, failure, push, until } from "./workplace.js";

/** What handlers leave behind them: on the connection, and as words that no verdict could hold. */
export default function leftovers(runtime) {
  const { describe, it, knocker, testing } = runtime;
  const counted = (options, endpointOptions) => countedOrders(runtime, options, endpointOptions);

  describe("an iterator that a handler leaves in the middle", () => {
    // Rows of the file: reading them needs a snapshot of it.
    const iterate = (tx) => tx.prepare("SELECT name FROM sqlite_schema").iterate();

    it("blocks nothing: the event is handled, and so is the next one on the same connection", async () => {
      const { hooks, endpoint, orders, close, errors } = counted();
      // Out of the garbage collector's reach, which would end them some time or other.
      const kept = [];
      endpoint.on("push", async (event, tx) => {
        write(event, tx);
        const rows = iterate(tx);
        assert.equal(rows.next().done, false);
        kept.push(rows);
        await null;
      });
      for (let count = 0; count < 3; count++) await endpoint.receive(push(runtime));
      const working = hooks.work();
      await until(() => orders().length + errors.length === 3, "all three");
      // Another connection writes meanwhile: a snapshot that was kept would refuse the next transaction.
      await endpoint.receive(push(runtime));
      await until(() => orders().length + errors.length === 4, "the fourth");
      await working.stop();
      assert.deepEqual([orders(), kept.length, errors], [[1, 2, 3, 4], 4, []]);
      await close();
    });

    it("blocks nothing where the handler fails either: its writes are taken back, and others can write", async () => {
      const { hooks, endpoint, orders, database, close } = counted();
      endpoint.on("push", (event, tx) => {
        write(event, tx);
        iterate(tx).next();
        throw new knocker.Dead("in the middle");
      });
      const { eventId } = await endpoint.receive(push(runtime));
      const { dead, errors } = await testing.drain(hooks);
      assert.deepEqual([dead, errors, orders()], [1, [], []]);
      assert.equal((await hooks.event(eventId)).reason, "in the middle");
      database.exec("PRAGMA busy_timeout = 0");
      database.exec("INSERT INTO orders VALUES (7)");
      assert.equal((await endpoint.receive(push(runtime))).outcome, "accepted");
      await close();
    });

    it("is over with its handler", async () => {
      const { hooks, endpoint, close } = counted();
      let rows;
      endpoint.on("push", (event, tx) => {
        rows = iterate(tx);
        rows.next();
      });
      await endpoint.receive(push(runtime));
      assert.equal((await testing.drain(hooks)).handled, 1);
      assert.ok((await failure(() => rows.next())) instanceof knocker.ClosedError);
      await close();
    });
  });

  describe("a connection that a handler left unusable", () => {
    it("is replaced: the failure is recorded, and the next event is handled", async () => {
      const { hooks, endpoint, orders, close } = counted();
      endpoint.on("poison", (event, tx) => tx.exec("PRAGMA query_only = ON"));
      endpoint.on("push", write);
      const poisoned = await endpoint.receive(push(runtime, { type: "poison" }));
      await endpoint.receive(push(runtime));
      const { handled, failed, unwritten, errors } = await testing.drain(hooks);
      assert.deepEqual([handled, failed, unwritten, errors.length], [1, 1, 0, 1]);
      const [attempt] = await collect(hooks.attempts({ eventId: poisoned.eventId }));
      assert.equal(attempt.outcome, "failed");
      assert.match(attempt.error, /^ReadOnlyError: /);
      assert.deepEqual(orders(), [2]);
      await close();
    });
  });
}
