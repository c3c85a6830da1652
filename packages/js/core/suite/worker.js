import assert from "node:assert/strict";
import { monitorEventLoopDelay } from "node:perf_hooks";

import { countedOrders, write } from "./counted.js";
import { collect, deferred, failure, file, github, push, until, value } from "./workplace.js";

/** The worker: in the same process, in others, starting, stopping, waking. */
export default function worker(runtime) {
  const { describe, it, knocker, testing } = runtime;

  const counted = (options, endpointOptions) => countedOrders(runtime, options, endpointOptions);

  describe("a worker", () => {
    it("handles what waits, oldest first, and what arrives", async () => {
      const { hooks, endpoint, orders, close, errors } = counted();
      endpoint.on("push", write);
      for (let count = 0; count < 5; count++) await endpoint.receive(push(runtime));
      const working = hooks.work();
      await until(() => orders().length === 5, "the waiting events");
      for (let count = 0; count < 5; count++) await endpoint.receive(push(runtime));
      await until(() => orders().length === 10, "the new events");
      await working.stop();
      assert.deepEqual(orders(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      assert.deepEqual(errors, []);
      await close();
    });

    it("runs as many async handlers at the same time as it was told, each on its own connection", async () => {
      const { hooks, endpoint, orders, close } = counted();
      const inside = [];
      const full = deferred();
      const goOn = deferred();
      let most = 0;
      endpoint.on("push", async (event, tx) => {
        inside.push(event.id);
        most = Math.max(most, inside.length);
        if (inside.length === 3) full.resolve();
        await goOn.promise;
        inside.splice(inside.indexOf(event.id), 1);
        write(event, tx);
        await null;
      });
      for (let count = 0; count < 7; count++) await endpoint.receive(push(runtime));
      const working = hooks.work({ concurrency: 3 });
      await full.promise;
      goOn.resolve();
      await until(() => orders().length === 7, "all seven");
      await working.stop();
      assert.equal(most, 3);
      assert.deepEqual(orders().sort(), [1, 2, 3, 4, 5, 6, 7]);
      await close();
    });

    it("runs a handler again that wanted its transaction while another one's was open over an await", async () => {
      const { hooks, endpoint, orders, close, errors } = counted();
      const firstOpen = deferred();
      const secondTried = deferred();
      let tries = 0;
      endpoint.on("first", async (event, tx) => {
        write(event, tx);
        firstOpen.resolve();
        await secondTried.promise;
      });
      endpoint.on("second", async (event, tx) => {
        await firstOpen.promise;
        tries += 1;
        secondTried.resolve();
        write(event, tx);
      });
      await endpoint.receive(push(runtime, { type: "first" }));
      await endpoint.receive(push(runtime, { type: "second" }));
      const working = hooks.work({ concurrency: 2 });
      await until(() => orders().length === 2, "both");
      await working.stop();
      assert.deepEqual([tries, orders(), errors], [2, [1, 2], []]);
      const attempts = await collect(hooks.attempts());
      assert.deepEqual(
        attempts.map(({ result }) => result),
        ["handled", "handled"],
      );
      await close();
    });

    it("writes the result of one handler after another one's long transaction, without running it again", async () => {
      const { hooks, endpoint, orders, close, errors } = counted({ busyTimeoutMs: 10 });
      const firstOpen = deferred();
      const secondDone = deferred();
      let runs = 0;
      endpoint.on("first", async (event, tx) => {
        write(event, tx);
        firstOpen.resolve();
        await secondDone.promise;
        // Longer than a receive would wait.
        const end = performance.now() + 100;
        await until(() => performance.now() > end, "a tenth of a second");
      });
      endpoint.on("second", async () => {
        await firstOpen.promise;
        runs += 1;
        secondDone.resolve();
      });
      await endpoint.receive(push(runtime, { type: "first" }));
      await endpoint.receive(push(runtime, { type: "second" }));
      const working = hooks.work({ concurrency: 2 });
      await until(async () => (await hooks.stats()).events.handled === 2, "both");
      await working.stop();
      assert.deepEqual([runs, orders(), errors], [1, [1], []]);
      await close();
    });

    it("runs a handler again that met another process's transaction, and holds up nothing meanwhile", async () => {
      // Waiting in place for so long would be seen: this test would not come to its end.
      const { hooks, endpoint, orders, database, close, errors } = counted({ busyTimeoutMs: 24 * 3_600_000 });
      const entered = deferred();
      const goOn = deferred();
      const refused = deferred();
      endpoint.on("push", async (event, tx) => {
        entered.resolve();
        await goOn.promise;
        try {
          write(event, tx);
        } catch (error) {
          refused.resolve(error);
          // Whatever the handler makes of the refusal, and though it goes on: nothing of this run is kept.
          assert.ok((await failure(() => write(event, tx))) instanceof knocker.BusyError);
        }
      });
      const { eventId } = await endpoint.receive(push(runtime));
      const working = hooks.work();
      await entered.promise;
      database.exec("BEGIN IMMEDIATE");
      goOn.resolve();
      assert.ok((await refused.promise) instanceof knocker.BusyError);
      // The handler waits for the other transaction, which the event loop must turn for to come to its end.
      let turns = 0;
      const turning = setInterval(() => (turns += 1), 1);
      await until(() => turns >= 50, "some turns of the event loop");
      clearInterval(turning);
      database.exec("COMMIT");
      await until(async () => (await hooks.event(eventId)).status === "handled", "the event");
      await working.stop();
      assert.deepEqual([orders(), errors], [[eventId], []]);
      assert.deepEqual(
        (await collect(hooks.attempts())).map(({ result }) => result),
        ["handled"],
      );
      await close();
    });

    it("goes on after the file was locked for longer than its patience", async () => {
      const { hooks, endpoint, orders, database, close, errors } = counted({ busyTimeoutMs: 5 });
      endpoint.on("push", write);
      await endpoint.receive(push(runtime));
      database.exec("BEGIN IMMEDIATE");
      const working = hooks.work();
      const end = performance.now() + 50;
      await until(() => performance.now() > end, "ten times its patience");
      database.exec("COMMIT");
      await until(() => orders().length === 1, "the event");
      await working.stop();
      assert.deepEqual(errors, []);
      await close();
    });

    it("goes on after the database failed, and tells onError", async () => {
      const { hooks, endpoint, orders, database, close, errors } = counted();
      endpoint.on("push", write);
      database.exec("ALTER TABLE _honker_live RENAME TO hidden");
      const working = hooks.work();
      await until(() => errors.length > 0, "the failure");
      database.exec("ALTER TABLE hidden RENAME TO _honker_live");
      await endpoint.receive(push(runtime));
      await until(() => orders().length === 1, "the event");
      await working.stop();
      assert.ok(errors[0].error instanceof knocker.DatabaseError);
      await close();
    });

    it("goes on after a handler threw, and tells onError", async () => {
      const { hooks, endpoint, orders, close } = counted();
      const told = deferred();
      endpoint.on("bad", () => {
        throw new Error("broken");
      });
      endpoint.on("push", write);
      await endpoint.receive(push(runtime, { type: "bad" }));
      await endpoint.receive(push(runtime));
      const onError = (error, event) => {
        told.resolve([error.message, event.type]);
        throw new Error("a logger that fails ends nothing");
      };
      const quiet = console.error;
      console.error = () => {};
      const working = hooks.work({ onError });
      assert.deepEqual(await told.promise, ["broken", "bad"]);
      await until(() => orders().length === 1, "the good one");
      await working.stop();
      console.error = quiet;
      await close();
    });

    it("stops by stop(), by its signal, and by close(): what runs ends, nothing new begins, leases are given back", async () => {
      for (const how of ["stop", "signal", "close"]) {
        const { hooks, endpoint, orders, database, path } = counted();
        const running = deferred();
        const goOn = deferred();
        endpoint.on("push", async (event, tx) => {
          running.resolve();
          await goOn.promise;
          write(event, tx);
        });
        await endpoint.receive(push(runtime));
        await endpoint.receive(push(runtime));
        const controller = new AbortController();
        const working = hooks.work({ signal: controller.signal });
        await running.promise;
        const stopped = { stop: () => working.stop(), signal: () => (controller.abort(), working.done), close: () => hooks.close() }[how]();
        goOn.resolve();
        await stopped;
        await working.done;
        assert.deepEqual(orders(), [1], how);
        assert.equal(value(database, "SELECT status FROM knocker_events WHERE id = 2"), "received", how);
        assert.equal(value(database, "SELECT count(*) FROM knocker_jobs"), 0, how);
        database.close();
        await hooks.close();
        assert.ok(path);
      }
    });

    it("that is aborted before it starts never claims", async () => {
      const { hooks, endpoint, orders, close } = counted();
      endpoint.on("push", write);
      await endpoint.receive(push(runtime));
      await hooks.work({ signal: AbortSignal.abort() }).done;
      assert.deepEqual(orders(), []);
      await close();
    });

    it("keeps the lease of a long handler, also while its transaction is open", async () => {
      const clock = testing.frozenClock();
      const { hooks, endpoint, orders, close, errors } = counted({ now: clock });
      const entered = deferred();
      const goOn = deferred();
      endpoint.on("push", async (event, tx) => {
        if (event.json().open) tx.prepare("SELECT 1").all();
        entered.resolve();
        await goOn.promise;
        write(event, tx);
      });
      for (const open of [false, true]) await endpoint.receive(push(runtime, { body: { open } }));
      const working = hooks.work({ leaseS: 2 });
      await entered.promise;
      const expiry = () => hooks.query("SELECT lease_expires_at AS at FROM knocker_jobs")[0].at;
      // Three times the lease, by a clock that stands still until the lease has been extended: without the heartbeat another worker could
      // have the job by then.
      for (let second = 1; second <= 6; second++) {
        clock.advanceMs(1000);
        await until(() => expiry() === clock() + 2000, "the lease from now on");
      }
      assert.equal(await hooks.call("knocker_claim", "another", 10, 60, null), 1, "only the job that waits is free");
      await hooks.call("knocker_release", "another");
      goOn.resolve();
      await until(() => orders().length === 2, "both");
      await working.stop();
      assert.deepEqual([orders(), errors], [[1, 2], []]);
      await close();
    });

    it("loses nothing where one handler blocked the event loop for longer than all leases", async () => {
      const clock = testing.frozenClock();
      const { hooks, endpoint, orders, close, errors } = counted({ now: clock });
      const waits = deferred();
      const goOn = deferred();
      endpoint.on("waits", async (event, tx) => {
        waits.resolve();
        await goOn.promise;
        write(event, tx);
      });
      endpoint.on("blocks", async (event, tx) => {
        await waits.promise;
        clock.advanceMs(7_200_000);
        write(event, tx);
      });
      endpoint.on("push", write);
      for (const type of ["waits", "blocks", "push"]) await endpoint.receive(push(runtime, { type, now: clock() }));
      const working = hooks.work({ concurrency: 2 });
      // With the result of the second, the third is claimed.
      await until(() => orders().length === 2, "what ran beside it");
      goOn.resolve();
      await until(() => orders().length === 3, "what waited");
      await working.stop();
      assert.deepEqual([orders(), errors], [[2, 3, 1], []]);
      assert.deepEqual(
        (await collect(hooks.attempts())).map(({ result }) => result),
        ["handled", "handled", "handled"],
      );
      await close();
    });

    it("takes a retry when it is due", async () => {
      const { hooks, endpoint, orders, close } = counted();
      let tries = 0;
      endpoint.on("push", (event, tx) => {
        if (++tries === 1) throw new knocker.Retry({ after: 0.01 });
        write(event, tx);
      });
      await endpoint.receive(push(runtime));
      const working = hooks.work();
      await until(() => orders().length === 1, "the second attempt");
      await working.stop();
      assert.equal(tries, 2);
      await close();
    });

    it("starts all that it has leased, also where a handler ends while the worker waits for the lock to claim more", async () => {
      const { hooks, endpoint, database, orders, close } = counted();
      knocker.load(database);
      let gate;
      endpoint.on("first", async (event, tx) => {
        await gate.promise;
        write(event, tx);
      });
      endpoint.on("next", write);
      const working = hooks.work({ concurrency: 2 });
      const arrive = (type, key) =>
        database.exec(`SELECT knocker_ingest('github', '{"valid": true, "type": "${type}", "key": "${key}"}', '')`);
      for (let round = 1; round <= 20; round++) {
        gate = deferred();
        arrive("first", `${round}`);
        await until(() => hooks.query("SELECT 1 FROM knocker_events WHERE status = 'processing'").length === 1, "the first of this round");
        database.exec("BEGIN IMMEDIATE");
        for (let count = 0; count < 5; count++) arrive("next", `${round}-${count}`);
        database.exec("COMMIT; BEGIN IMMEDIATE");
        gate.resolve();
        // Both come to want the lock: the worker for its claim, the handler for its rows.
        for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
        database.exec("COMMIT");
        await until(() => orders().length === 6 * round, "all of this round");
      }
      await working.stop();
      // None waited for its lease to run out.
      const results = new Set((await collect(hooks.attempts())).map(({ result }) => result));
      assert.deepEqual([...results], ["handled"]);
      await close();
    });

    it("sees handlers that are registered after it started", async () => {
      const { hooks, endpoint, orders, close } = counted();
      await endpoint.receive(push(runtime));
      const working = hooks.work();
      await new Promise((resolve) => setImmediate(resolve));
      endpoint.on("push", write);
      await endpoint.receive(push(runtime));
      await until(() => orders().length === 2, "both");
      await working.stop();
      await close();
    });

    it("wakes for a commit of another connection", async () => {
      const path = file();
      const { hooks, endpoint, orders, close } = counted({ path });
      endpoint.on("push", write);
      const working = hooks.work();
      const elsewhere = runtime.open(path);
      const inbound = elsewhere.endpoint("github");
      for (let count = 1; count <= 3; count++) {
        // This handle has no secrets: its request is trusted ingress of the same endpoint.
        await inbound.ingest({ valid: true, type: "push" }, "{}");
        await until(() => orders().length === count, "the event of the other connection");
      }
      await working.stop();
      await elsewhere.close();
      await close();
    });

    it("works on a database in memory", async () => {
      const { hooks, endpoint, errors } = github(runtime, { path: ":memory:" });
      hooks.query("SELECT 1");
      const handled = deferred();
      endpoint.on("push", async (event, tx) => {
        tx.exec("CREATE TABLE orders (event INTEGER)");
        await null;
        write(event, tx);
        handled.resolve();
      });
      const working = hooks.work({ concurrency: 4 });
      await endpoint.receive(push(runtime));
      await handled.promise;
      await endpoint.receive(push(runtime, { type: "other" }));
      await working.stop();
      assert.deepEqual(
        hooks.query("SELECT event FROM orders").map(({ event }) => event),
        [1],
      );
      // Whether the last one was tried before the stop is of no interest here.
      assert.deepEqual(
        errors.filter(({ event }) => event?.type !== "other"),
        [],
      );
      await hooks.close();
    });

    it("refuses settings that make no sense", async () => {
      const { hooks, endpoint, close } = counted();
      for (const options of [
        { concurrency: 0 },
        { concurrency: 1.5 },
        { pollMs: 0 },
        { pollMs: -1 },
        { leaseS: 0 },
        { leaseS: NaN },
        { leaseS: 86_401 },
      ]) {
        assert.ok((await failure(() => hooks.work(options))) instanceof knocker.UsageError, JSON.stringify(options));
      }
      for (const misuse of [() => endpoint.on("", write), () => endpoint.on("push", "write")]) {
        assert.equal((await failure(misuse)).code, "usage", String(misuse));
      }
      await close();
    });
  });

  describe("a slow handler", () => {
    it("does not hold up receives: 200 arrive while it waits five seconds before its first write", async () => {
      const { hooks, endpoint, orders, close, errors } = counted();
      const entered = deferred();
      const answered = deferred();
      let written = false;
      endpoint.on("slow", async (event, tx) => {
        entered.resolve();
        // What stands for a call to somebody's API: until every receive is answered, and on a fast disk longer than that.
        await new Promise((resolve) => setTimeout(resolve, 5000));
        await answered.promise;
        write(event, tx);
        written = true;
      });
      endpoint.on("push", write);
      await endpoint.receive(push(runtime, { type: "slow" }));
      const working = hooks.work({ concurrency: 2 });
      await entered.promise;
      const delay = monitorEventLoopDelay({ resolution: 5 });
      delay.enable();
      const durations = [];
      for (let burst = 0; burst < 25; burst++) {
        await Promise.all(
          Array.from({ length: 8 }, async () => {
            const start = performance.now();
            await endpoint.receive(push(runtime));
            durations.push(performance.now() - start);
          }),
        );
      }
      delay.disable();
      assert.deepEqual([durations.length, written], [200, false]);
      answered.resolve();
      await until(() => orders().length === 201, "all events");
      await working.stop();
      const slowest = Math.max(...durations);
      // The figures are a report: how long a commit takes is the disk's choice.
      console.log(`slowest of 200 receives: ${slowest.toFixed(1)} ms; event loop delay p99: ${(delay.percentile(99) / 1e6).toFixed(1)} ms`);
      assert.deepEqual(errors, []);
      await close();
    });
  });
}
