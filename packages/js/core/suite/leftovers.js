import assert from "node:assert/strict";

import { countedOrders, write } from "./counted.js";
import { collect, failure, push, until } from "./workplace.js";

const SQLITE_DENY = 1;

/** What handlers leave behind them: on the connection, and as words that no result could hold. */
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
      assert.equal((await testing.drain(hooks)).dead, 1);
      assert.deepEqual(orders(), []);
      assert.equal((await hooks.event(eventId)).reason, "in the middle");
      database.exec("PRAGMA busy_timeout = 0");
      database.exec("INSERT INTO orders VALUES (7)");
      assert.equal((await endpoint.receive(push(runtime))).outcome, "accepted");
      await close();
    });

    it("is ended whatever the handler has put in place of its functions", async () => {
      const { hooks, endpoint, orders, close } = counted();
      endpoint.on("push", (event, tx) => {
        write(event, tx);
        const rows = iterate(tx);
        rows.next();
        rows.return = () => {
          throw new Error("it shall go on");
        };
      });
      for (let count = 0; count < 3; count++) await endpoint.receive(push(runtime));
      assert.equal((await testing.drain(hooks)).handled, 3);
      assert.deepEqual(orders(), [1, 2, 3]);
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

  describe("an authorizer that a handler leaves", () => {
    it("stops none of the worker's own statements: the rollback, the result and what comes next", async (context) => {
      const { hooks, endpoint, orders, database, close } = counted();
      try {
        if (typeof database.setAuthorizer !== "function") return context.skip?.("the driver has none");
        const deny = (tx) => tx.setAuthorizer(() => SQLITE_DENY);
        endpoint.on("good", (event, tx) => {
          write(event, tx);
          deny(tx);
        });
        endpoint.on("bad", (event, tx) => {
          write(event, tx);
          deny(tx);
          throw new knocker.Dead("after it");
        });
        endpoint.on("push", write);
        for (const type of ["bad", "push", "good", "push"]) await endpoint.receive(push(runtime, { type }));
        const { handled, dead } = await testing.drain(hooks);
        assert.deepEqual([handled, dead, orders()], [3, 1, [2, 3, 4]]);
      } finally {
        await close();
      }
    });
  });

  describe("what a handler throws", () => {
    const thrower = (value) => () => {
      throw value;
    };
    const retry = (options) => () => {
      throw new knocker.Retry(options);
    };
    const silent = { toString: thrower(new Error("no text")), [Symbol.for("nodejs.util.inspect.custom")]: thrower(new Error("no text")) };
    const mute = Object.defineProperty(new Error("x"), "message", { get: thrower(new Error("no message")) });
    const refusing = new Proxy({}, { getPrototypeOf: thrower(new Error("no prototype")) });

    for (const [what, handler, expected] of [
      ["an error with half a character", thrower(new Error("😀".slice(0, 1) + " tail")), /^Error: \ufffd tail$/],
      ["an error of a megabyte", thrower(new Error("x".repeat(1_000_000))), /^Error: x{8185}$/],
      ["a text", thrower("out of stock"), /^thrown: out of stock$/],
      ["nothing", thrower(undefined), /^thrown: undefined$/],
      ["an object", thrower({ code: 17 }), /^thrown: { code: 17 }$/],
      ["an object without a prototype", thrower(Object.create(null)), /^thrown: \[Object: null prototype\] {}$/],
      ["an object that refuses to be text", thrower(silent), /^thrown: /],
      ["an error that refuses to be text", thrower(mute), /^thrown: Error$/],
      ["an object that refuses everything", thrower(refusing), /^(thrown: |the handler threw what cannot be recorded$)/],
      ["a class", thrower(knocker.Retry), /^thrown: \[class Retry extends Error\]$/],
      ["Retry with a text for a number", retry({ after: "60" }), /Retry: after must be a number of seconds.*not "60"$/],
      ["Retry with null", retry({ after: null }), /Retry: after must be a number of seconds.*not null$/],
      ["Retry with a date", retry({ after: new Date(0) }), /Retry: after must be a number of seconds.*not 1970-01-01T00:00:00.000Z$/],
      ["Retry with NaN", retry({ after: NaN }), /Retry: after must be a number of seconds.*not NaN$/],
      ["Retry with a number instead of options", retry(60), /Retry: takes { after, reason }, not 60$/],
      ["Retry with half a character", retry({ reason: "\ud83d" }), /^\ufffd$/],
    ]) {
      it(`is recorded: ${what}`, async () => {
        const { hooks, endpoint, close } = counted();
        endpoint.on("push", handler);
        const { eventId } = await endpoint.receive(push(runtime));
        const { failed, unwritten } = await testing.drain(hooks);
        assert.deepEqual([failed, unwritten], [1, 0]);
        const [{ error, result }] = await collect(hooks.attempts({ eventId }));
        assert.equal(result, "failed");
        assert.match(error, expected);
        await close();
      });
    }

    it("is recorded for Ignore and Dead, whatever their reason", async () => {
      const { hooks, endpoint, close } = counted();
      endpoint.on("ignore", () => {
        throw new knocker.Ignore("half \ud83d");
      });
      endpoint.on("dead", () => {
        throw new knocker.Dead(new TypeError("why"));
      });
      const [ignored, dead] = [
        await endpoint.receive(push(runtime, { type: "ignore" })),
        await endpoint.receive(push(runtime, { type: "dead" })),
      ];
      assert.equal((await testing.drain(hooks)).unwritten, 0);
      assert.deepEqual(
        [await hooks.event(ignored.eventId), await hooks.event(dead.eventId)].map(({ status, reason }) => [status, reason]),
        [
          ["ignored", "half \ufffd"],
          ["dead", "TypeError: why"],
        ],
      );
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
      assert.equal(attempt.result, "failed");
      assert.match(attempt.error, /^ReadOnlyError: /);
      assert.deepEqual(orders(), [2]);
      await close();
    });
  });
}
