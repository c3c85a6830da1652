import assert from "node:assert/strict";

import { collect, deferred, failure, github, push, rows } from "./workplace.js";

/** Handlers: what they get, what they can say, and what becomes of what they wrote. */
export default function handlers(runtime) {
  const { describe, it, knocker, testing } = runtime;
  const { Retry, Ignore, Dead } = knocker;
  const { drain, frozenClock } = testing;
  const START = Date.UTC(2026, 0, 1);

  /** As `github`, with a table to write to and a clock that stands still. */
  function shop(options = {}, endpointOptions = {}) {
    const clock = frozenClock(START);
    const made = github(runtime, { now: clock, ...options }, endpointOptions);
    const database = runtime.openRaw(made.path);
    database.exec("CREATE TABLE orders (event INTEGER, note TEXT)");
    const orders = () => rows(database, "SELECT * FROM orders").map((row) => ({ ...row }));
    const close = async () => {
      database.close();
      await made.hooks.close();
    };
    return { ...made, clock, orders, close };
  }

  const write = (event, tx, note = "done") => void tx.prepare("INSERT INTO orders VALUES (?, ?)").run(event.id, note);

  describe("a handler", () => {
    it("gets the event and the driver's own database", async () => {
      const { hooks, endpoint, close } = shop();
      const seen = [];
      endpoint.on("push", (event, tx) => void seen.push([event, tx instanceof runtime.Database]));
      const { deliveryId } = await endpoint.receive(push(runtime, { body: { ref: "main" }, url: "/hook?a=1" }));
      assert.equal((await drain(hooks)).handled, 1);
      const [event, isDatabase] = seen[0];
      assert.ok(isDatabase);
      assert.ok(event instanceof knocker.Event);
      assert.deepEqual(event.json(), { ref: "main" });
      assert.equal(event.text(), '{"ref":"main"}');
      assert.deepEqual(event.receivedAt, new Date(START));
      assert.deepEqual(
        [event.id, event.deliveryId, event.endpoint, event.type, event.attempt, event.maxAttempts, event.method, event.url],
        [1, deliveryId, "github", "push", 1, 10, "POST", "/hook?a=1"],
      );
      assert.equal(event.headers["x-github-event"], "push");
      await close();
    });

    it("commits its writes together with the event", async () => {
      const { hooks, endpoint, orders, close } = shop();
      endpoint.on("push", (event, tx) => write(event, tx));
      const { eventId } = await endpoint.receive(push(runtime));
      await drain(hooks);
      assert.deepEqual(orders(), [{ event: eventId, note: "done" }]);
      assert.equal((await hooks.event(eventId)).status, "handled");
      await close();
    });

    it("takes back its writes when it throws, and is tried again after the backoff", async () => {
      const { hooks, endpoint, orders, clock, close, errors } = shop();
      let healthy = false;
      endpoint.on("push", async (event, tx) => {
        write(event, tx);
        await null;
        if (!healthy) throw new Error("the warehouse is closed");
      });
      const { eventId } = await endpoint.receive(push(runtime));
      const first = await drain(hooks);
      assert.deepEqual([first.failed, first.errors.length, orders()], [1, 1, []]);
      assert.equal(first.errors[0].event.id, eventId);
      const failed = await hooks.event(eventId);
      assert.deepEqual([failed.status, failed.reason], ["failed", "Error: the warehouse is closed"]);
      healthy = true;
      assert.equal((await drain(hooks)).handled, 0);
      clock.advanceMs(7000);
      assert.equal((await drain(hooks)).handled, 1);
      assert.deepEqual(orders(), [{ event: eventId, note: "done" }]);
      assert.deepEqual(
        (await collect(hooks.attempts({ eventId }))).map(({ attempt, result }) => [attempt, result]),
        [
          [1, "failed"],
          [2, "handled"],
        ],
      );
      // As a worker tells.
      assert.deepEqual(
        errors.map(({ error, event }) => [error.message, event.id]),
        [["the warehouse is closed", eventId]],
      );
      await close();
    });

    it("can ask for another attempt at a time of its choice", async () => {
      const { hooks, endpoint, orders, close } = shop();
      endpoint.on("push", (event, tx) => {
        write(event, tx);
        throw new Retry({ after: 60, reason: "rate limited" });
      });
      const { eventId } = await endpoint.receive(push(runtime));
      const { failed, errors } = await drain(hooks);
      assert.deepEqual([failed, errors.map(({ error }) => error.message), orders()], [1, ["rate limited"], []]);
      const event = await hooks.event(eventId);
      assert.deepEqual([event.nextAttemptAt, event.reason], [new Date(START + 60_000), "rate limited"]);
      await close();
    });

    it("that asks for an impossible time fails like any other", async () => {
      const { hooks, endpoint, close } = shop();
      endpoint.on("push", () => {
        throw new Retry({ after: -1 });
      });
      const { eventId } = await endpoint.receive(push(runtime));
      assert.equal((await drain(hooks)).failed, 1);
      assert.match((await hooks.event(eventId)).reason, /^InvalidArgumentError: Retry: after .*not -1$/);
      await close();
    });

    it("can ignore an event, or give it up", async () => {
      const { hooks, endpoint, orders, close } = shop();
      endpoint.on("ping", (event, tx) => {
        write(event, tx);
        throw new Ignore("only a ping");
      });
      endpoint.on("push", async (event, tx) => {
        write(event, tx);
        throw new Dead("no such repository");
      });
      const ping = await endpoint.receive(push(runtime, { type: "ping" }));
      const dead = await endpoint.receive(push(runtime));
      const { ignored, dead: buried, errors } = await drain(hooks);
      assert.deepEqual([ignored, buried, errors.map(({ error }) => error.message), orders()], [1, 1, ["no such repository"], []]);
      const [one, other] = [await hooks.event(ping.eventId), await hooks.event(dead.eventId)];
      assert.deepEqual([one.status, one.reason, other.status, other.reason], ["ignored", "only a ping", "dead", "no such repository"]);
      await close();
    });

    it("is found by exact type, by prefix and by *, several in order in one transaction", async () => {
      const { hooks, endpoint, orders, close } = shop();
      const note = (text) => (event, tx) => write(event, tx, text);
      endpoint.on("issues.opened", note("exact")).on("issues.*", note("prefix")).on("*", note("all"));
      endpoint.on("issues.opened", async (event, tx) => {
        await null;
        write(event, tx, "second");
      });
      for (const type of ["issues.opened", "issues.closed", "issues", "pull_request"]) {
        await endpoint.receive(push(runtime, { type }));
      }
      await drain(hooks);
      assert.deepEqual(
        orders().map(({ event, note: text }) => `${event} ${text}`),
        ["1 exact", "1 prefix", "1 all", "1 second", "2 prefix", "2 all", "3 all", "4 all"],
      );
      await close();
    });

    it("that nobody registered for a type leaves the event to be tried again, dead or ignored, as the endpoint says", async () => {
      const { hooks, endpoint, close } = shop();
      const quiet = hooks.endpoint("quiet", { provider: "github", secrets: "test-secret", unhandled: "ignore" });
      const strict = hooks.endpoint("strict", { provider: "github", secrets: "test-secret", unhandled: "dead" });
      const each = [endpoint, strict, quiet];
      for (const one of each) one.on("push", () => {});
      const receipts = await Promise.all(each.map((one) => one.receive(push(runtime, { type: "fork" }))));
      await drain(hooks);
      const events = await Promise.all(receipts.map(({ eventId }) => hooks.event(eventId)));
      assert.deepEqual(
        events.map(({ status, reason }) => [status, reason]),
        [
          ["failed", "no_handler"],
          ["dead", "no_handler"],
          ["ignored", "no_handler"],
        ],
      );
      await close();
    });

    it("leaves endpoints without any handler to other processes", async () => {
      const { hooks, endpoint, close } = shop();
      const { eventId } = await endpoint.receive(push(runtime));
      assert.equal((await drain(hooks)).dead, 0);
      assert.equal((await hooks.event(eventId)).status, "received");
      await close();
    });

    it("must be a function with a pattern", async () => {
      const { endpoint, close } = shop();
      assert.match((await failure(() => endpoint.on("push"))).message, /not a function/);
      assert.match((await failure(() => endpoint.on("", () => {}))).message, /pattern/);
      await close();
    });
  });

  describe("a handler's transaction", () => {
    it("begins at its first use, so that what comes before it holds no lock", async () => {
      const { hooks, endpoint, orders, close } = shop();
      const begun = deferred();
      const goOn = deferred();
      endpoint.on("push", async (event, tx) => {
        begun.resolve();
        await goOn.promise;
        write(event, tx);
      });
      await endpoint.receive(push(runtime));
      const drained = drain(hooks);
      await begun.promise;
      // The handler is in its slow part: others write freely, also those that cannot wait.
      assert.equal(endpoint.receiveSync(push(runtime, { type: "push" })).outcome, "accepted");
      goOn.resolve();
      await drained;
      assert.equal(orders().length, 2);
      await close();
    });

    it("may stay open over an await: receives wait for it, and are stored after it", async () => {
      const { hooks, endpoint, orders, close } = shop();
      const open = deferred();
      const goOn = deferred();
      endpoint.on("push", async (event, tx) => {
        write(event, tx);
        open.resolve();
        await goOn.promise;
      });
      await endpoint.receive(push(runtime));
      const drained = drain(hooks);
      await open.promise;
      const receipt = endpoint.receive(push(runtime, { type: "other" }));
      assert.ok((await failure(() => endpoint.receiveSync(push(runtime)))) instanceof knocker.BusyError);
      goOn.resolve();
      assert.equal((await receipt).outcome, "accepted");
      await drained;
      assert.equal(orders().length, 1);
      await close();
    });

    it("belongs to the worker: COMMIT and close are refused", async () => {
      const { hooks, endpoint, orders, close } = shop();
      endpoint.on("begin", (event, tx) => {
        write(event, tx);
        // Half of the work would be committed without the event.
        const comments = "/* */".repeat(50_000);
        for (const end of ["COMMIT", " end transaction", "\nROLLBACK", `${comments}COMMIT`]) {
          assert.throws(() => tx.exec(end), /has ended before the handlers/);
        }
        tx.exec(`${comments}SELECT 1 /* left open`);
        assert.throws(() => tx.prepare("commit"), /has ended before the handlers/);
        if (tx.createTagStore) assert.throws(() => tx.createTagStore().run`commit`, /has ended before the handlers/);
        tx.exec("SAVEPOINT mine");
        tx.exec("ROLLBACK TO mine");
        throw new Retry({ after: 60 });
      });
      await endpoint.receive(push(runtime, { type: "begin" }));
      assert.equal((await drain(hooks)).failed, 1);
      assert.deepEqual(orders(), []);
      endpoint.on("commit", (event, tx) => {
        write(event, tx);
        tx.exec("SELECT 1; ROLLBACK");
      });
      endpoint.on("close", (event, tx) => tx.close());
      await endpoint.receive(push(runtime, { type: "commit" }));
      await endpoint.receive(push(runtime, { type: "close" }));
      const { failed, errors } = await drain(hooks);
      assert.equal(failed, 2);
      assert.match(errors[0].error.message, /has ended before the handlers/);
      assert.match(errors[1].error.message, /must not close/);
      assert.deepEqual(orders(), []);
      await close();
    });

    it("is over with its handler", async () => {
      const { hooks, endpoint, close } = shop();
      let kept;
      endpoint.on("push", (event, tx) => {
        kept = tx;
        write(event, tx);
      });
      await endpoint.receive(push(runtime));
      await drain(hooks);
      assert.ok((await failure(() => kept.prepare("SELECT 1"))) instanceof knocker.ClosedError);
      await close();
    });

    it("is over with its handler for kept statements too: none of their writes commits by itself", async () => {
      const { hooks, endpoint, orders, close } = shop();
      let insert;
      endpoint.on("push", (event, tx) => {
        insert ??= tx.prepare("INSERT INTO orders VALUES (?, ?)");
        insert.run(event.id, "kept");
      });
      await endpoint.receive(push(runtime));
      const { eventId } = await endpoint.receive(push(runtime));
      const { handled, failed, errors } = await drain(hooks);
      assert.deepEqual([handled, failed], [1, 1]);
      assert.ok(errors[0].error instanceof knocker.ClosedError);
      assert.match(errors[0].error.message, /prepare statements in each call/);
      assert.ok((await failure(() => insert.run(7, "outside"))) instanceof knocker.ClosedError);
      assert.deepEqual(orders(), [{ event: 1, note: "kept" }]);
      assert.equal((await hooks.event(eventId)).status, "failed");
      await close();
    });

    it("is over with its handler for whatever tx made: functions in a transaction, iterators, and tx by another way", async () => {
      const { hooks, endpoint, orders, close } = shop();
      const kept = {};
      endpoint.on("push", (event, tx) => {
        kept.statement = tx.prepare("SELECT 1 AS one");
        if (kept.statement.pluck) assert.equal(kept.statement.pluck(false), kept.statement);
        assert.deepEqual({ ...kept.statement.get() }, { one: 1 });
        if (kept.statement.iterate) kept.rows = tx.prepare("SELECT 1 UNION ALL SELECT 2").iterate();
        assert.deepEqual(kept.rows ? [...kept.rows].length : 2, 2);
        if (tx.transaction) {
          kept.inTransaction = tx.transaction((note) => tx.prepare("INSERT INTO orders VALUES (?, ?)").run(event.id, note));
          kept.inTransaction("plain");
          kept.inTransaction.immediate("immediate");
          kept.inTransaction.call(null, "called");
          kept.bound = kept.inTransaction.bind(null, "bound");
        } else {
          for (const note of ["plain", "immediate", "called"]) write(event, tx, note);
        }
        if (kept.statement.database) assert.equal(kept.statement.database, tx);
      });
      await endpoint.receive(push(runtime));
      const { handled, errors } = await drain(hooks);
      assert.deepEqual([handled, errors], [1, []]);
      const uses = [() => kept.statement.get(), () => kept.rows?.next(), () => kept.inTransaction?.("late"), () => kept.bound?.()];
      uses.push(() => kept.inTransaction?.deferred("late"));
      for (const use of uses) {
        const outcome = await failure(() => {
          if (use() === undefined) throw new knocker.ClosedError("closed", "this driver has none", { retryable: false, hint: "" });
        });
        assert.ok(outcome instanceof knocker.ClosedError, `${use}: ${outcome}`);
      }
      assert.deepEqual(
        orders().map(({ note }) => note),
        ["plain", "immediate", "called"],
      );
      await close();
    });

    it("takes everything back when the commit itself fails", async () => {
      const { hooks, endpoint, orders, close } = shop();
      endpoint.on("push", (event, tx) => {
        tx.exec("CREATE TABLE IF NOT EXISTS parent (id INTEGER PRIMARY KEY)");
        tx.exec("CREATE TABLE IF NOT EXISTS child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)");
        tx.exec("INSERT INTO child VALUES (7)");
        write(event, tx);
      });
      const { eventId } = await endpoint.receive(push(runtime));
      const { failed, errors } = await drain(hooks);
      assert.deepEqual([failed, orders()], [1, []]);
      assert.match(errors[0].error.message, /FOREIGN KEY/);
      assert.equal((await hooks.event(eventId)).status, "failed");
      await close();
    });

    it("writes nothing when an operator took the job away meanwhile", async () => {
      const { hooks, endpoint, orders, clock, close } = shop();
      let takeAway = true;
      endpoint.on("push", async (event, tx) => {
        if (takeAway) {
          takeAway = false;
          // The lease has run out and somebody else claimed the job.
          clock.advanceMs(2 * 3_600_000);
          await hooks.call("knocker_claim", "another", 1, 3600, null);
        }
        write(event, tx);
      });
      await endpoint.receive(push(runtime));
      const { leaseLost, errors } = await drain(hooks);
      assert.equal(leaseLost, 1);
      assert.ok(errors[0].error instanceof knocker.LeaseLostError);
      assert.deepEqual(orders(), []);
      await close();
    });
  });
}
