import assert from "node:assert/strict";

import { deferred, failure, file, until } from "./workplace.js";

/** Shared commits, where the shared data does not reach: promises, texts of several statements, and the worker's own end. */
export default function sharedCommits(runtime) {
  const { describe, it, testing, open, openRaw } = runtime;

  /** An inbox whose handlers write, and what another connection sees of that. */
  function inboxOf(options = {}) {
    const path = file();
    const hooks = open(path, { logger: false, ...options });
    const database = openRaw(path);
    database.exec("CREATE TABLE orders (id TEXT)");
    const all = (sql) =>
      database
        .prepare(sql)
        .all()
        .map((row) => ({ ...row }));
    return {
      hooks,
      inbox: hooks.endpoint("inbox", {}),
      database,
      all,
      orders: () => all("SELECT id FROM orders ORDER BY rowid").map(({ id }) => id),
      ended: () => all("SELECT count(*) AS count FROM knocker_attempts")[0].count,
      async close() {
        await hooks.close();
        database.close();
      },
    };
  }

  async function receive(inbox, total, type = "order") {
    await Promise.all(Array.from({ length: total }, () => inbox.ingest({ valid: true, type }, "{}")));
  }

  const write = (tx, id) => tx.prepare("INSERT INTO orders VALUES (?)").run(String(id));

  describe("handlers of a backlog", () => {
    it("share a commit, 64 of them at most", async () => {
      const { hooks, inbox, orders, ended, close } = inboxOf({ now: testing.frozenClock() });
      const seen = [];
      inbox.on("*", ({ id }, tx) => {
        seen.push(ended());
        write(tx, id);
      });
      await receive(inbox, 200);
      assert.equal((await testing.drain(hooks)).handled, 200);
      assert.equal(orders().length, 200);
      const together = [...new Set(seen)].map((count) => seen.filter((one) => one === count).length);
      assert.equal(Math.max(...together), 64);
      assert.ok(together.length < 12, `${together}`);
      await close();
    });

    it("share none where the worker is told so", async () => {
      const { hooks, inbox, ended, close } = inboxOf();
      const seen = [];
      inbox.on("*", ({ id }, tx) => {
        seen.push(ended());
        write(tx, id);
      });
      await receive(inbox, 40);
      const worker = hooks.work({ shareCommits: false });
      await until(() => ended() === 40, "the end of the backlog");
      await worker.stop();
      assert.deepEqual(
        seen,
        seen.map((_, index) => index),
      );
      assert.match((await failure(() => hooks.work({ shareCommits: "no" }))).message, /shareCommits.*true or false/);
      await close();
    });

    it("are not kept waiting by one that returns a promise all of a sudden, and has not used tx", async () => {
      const { hooks, inbox, orders, ended, database, close } = inboxOf({ now: testing.frozenClock() });
      const went = deferred();
      let before;
      inbox.on("*", ({ id }, tx) => {
        if (id !== 6) return void write(tx, id);
        // The turn after this one finds the file free.
        return new Promise((resolve) => setImmediate(resolve)).then(() => {
          before = ended();
          database.exec("INSERT INTO orders VALUES ('another')");
          write(tx, id);
          went.resolve();
        });
      });
      await receive(inbox, 7);
      assert.equal((await testing.drain(hooks)).handled, 7);
      await went.promise;
      assert.equal(before, 5);
      assert.deepEqual(orders(), ["1", "2", "3", "4", "5", "another", "6", "7"]);
      await close();
    });

    it("are committed with one that returns a promise all of a sudden when it had used tx", async () => {
      const { hooks, inbox, orders, ended, close } = inboxOf({ now: testing.frozenClock() });
      const calls = [];
      let before;
      inbox.on("*", ({ id }, tx) => {
        calls.push(id);
        write(tx, id);
        if (id !== 6) return;
        return new Promise((resolve) => setImmediate(resolve)).then(() => {
          before = ended();
          write(tx, "later");
        });
      });
      await receive(inbox, 7);
      assert.equal((await testing.drain(hooks)).handled, 7);
      assert.equal(before, 3);
      assert.deepEqual(orders(), ["1", "2", "3", "4", "5", "6", "later", "7"]);
      assert.deepEqual(calls, [1, 2, 3, 4, 5, 6, 7]);
      await close();
    });

    it("find nothing that another one has left on the connection, however it was said", async () => {
      const ways = [
        (tx) => tx.exec("CREATE TEMP TABLE scratch (id)"),
        (tx) => tx.prepare('CREATE TABLE "temp".scratch (id)').run(),
        (tx) =>
          tx.createTagStore ? tx.createTagStore().run`CREATE TEMPORARY TABLE scratch (id)` : tx.exec("CREATE TABLE temp.scratch (id)"),
      ];
      for (const leave of ways) {
        const { hooks, inbox, orders, close } = inboxOf({ now: testing.frozenClock() });
        const found = [];
        inbox.on("*", ({ id }, tx) => {
          found.push(tx.prepare("SELECT count(*) AS count FROM pragma_database_list WHERE seq > 0").get().count);
          write(tx, id);
          if (id === 4) leave(tx);
        });
        await receive(inbox, 7);
        assert.equal((await testing.drain(hooks)).handled, 7);
        assert.deepEqual(found, Array(7).fill(0));
        assert.equal(orders().length, 7);
        await close();
      }
    });

    describe("that prepare what others have prepared", () => {
      const INSERT = "INSERT INTO orders VALUES (?)";
      const RETURNING = "INSERT INTO orders VALUES (?) RETURNING id";
      /** Each driver's ways to have a statement give other rows. */
      const others = ["pluck", "raw", "safeIntegers", "setReadBigInts", "setReturnArrays"];

      async function handled(total, handler) {
        const { hooks, inbox, orders, database, close } = inboxOf({ now: testing.frozenClock() });
        inbox.on("*", ({ id }, tx) => handler(id, tx, database));
        await receive(inbox, total);
        const { attempts } = await testing.drain(hooks);
        const stored = orders();
        await close();
        return { statuses: attempts.map(({ status }) => status), stored };
      }

      it("find nothing bound that the former one bound", async () => {
        const { stored } = await handled(6, (id, tx) => {
          const statement = tx.prepare(INSERT);
          if (id % 2 === 1) return void statement.run(String(id));
          try {
            statement.run();
          } catch {
            // Some drivers want every parameter.
          }
        });
        assert.deepEqual(
          stored.filter((id) => id !== null),
          ["1", "3", "5"],
        );
      });

      it("get rows as if they were the first", async () => {
        const rows = [];
        await handled(6, (id, tx) => {
          const statement = tx.prepare(RETURNING);
          if (id % 2 === 0) return void rows.push({ ...statement.get(String(id)) });
          for (const name of others) if (typeof statement[name] === "function") statement[name](true);
          statement.run(String(id));
        });
        assert.deepEqual(rows, [{ id: "2" }, { id: "4" }, { id: "6" }]);
      });

      it("do not lend them to one that has ended", async () => {
        const [kept, errors] = [[], []];
        const { statuses, stored } = await handled(6, (id, tx) => {
          const statement = tx.prepare(INSERT);
          statement.run(String(id));
          try {
            kept.at(-1)?.run("late");
          } catch (error) {
            errors.push(error.code);
          }
          kept.push(statement);
        });
        assert.deepEqual(errors, Array(5).fill("closed"));
        assert.deepEqual(statuses, Array(6).fill("handled"));
        assert.deepEqual(stored, ["1", "2", "3", "4", "5", "6"]);
      });

      it("go on where one has failed, and where the table is another one", async () => {
        const { statuses, stored } = await handled(8, (id, tx) => {
          if (id === 4) tx.exec("DROP TABLE orders; CREATE TABLE orders (id TEXT PRIMARY KEY)");
          const statement = tx.prepare(INSERT);
          statement.run(String(id));
          if (id === 6) statement.run("5");
        });
        assert.deepEqual(statuses, [...Array(5).fill("handled"), "failed", "handled", "handled"]);
        assert.deepEqual(stored, ["4", "5", "7", "8"]);
      });
    });

    for (const ending of [
      "SELECT 1; COMMIT",
      "SELECT 1; ROLLBACK",
      "SELECT 1; COMMIT; BEGIN IMMEDIATE",
      "SELECT 1; RELEASE knocker_attempt",
    ]) {
      it(`lose nothing to one that ends the transaction past the guards: ${ending}`, async () => {
        const { hooks, inbox, orders, all, close } = inboxOf({ now: testing.frozenClock() });
        inbox.on("*", ({ id }, tx) => {
          if (id === 6) tx.exec(ending);
          write(tx, id);
        });
        await receive(inbox, 7);
        const statuses = (await testing.drain(hooks)).attempts.map(({ status }) => status);
        assert.deepEqual([...statuses.slice(0, 5), statuses[6]], Array(6).fill("handled"));
        assert.notEqual(statuses[5], "handled");
        assert.deepEqual(
          orders().filter((id) => id !== "6"),
          ["1", "2", "3", "4", "5", "7"],
        );
        assert.deepEqual(all("SELECT result FROM knocker_attempts WHERE event_id = 5"), [{ result: "handled" }]);
        await close();
      });
    }

    for (const beside of ["SAVEPOINT knocker_attempt", "RELEASE knocker_attempt; SAVEPOINT knocker_attempt"]) {
      it(`take back what one wrote that says behind another statement: ${beside}`, async () => {
        const { hooks, inbox, orders, close } = inboxOf({ now: testing.frozenClock() });
        inbox.on("*", ({ id }, tx) => {
          write(tx, id);
          if (id !== 6) return;
          tx.exec(`SELECT 1; ${beside}`);
          throw new Error("after it");
        });
        await receive(inbox, 7);
        const { handled, failed } = await testing.drain(hooks);
        assert.deepEqual([handled, failed, orders()], [6, 1, ["1", "2", "3", "4", "5", "7"]]);
        await close();
      });
    }

    it("lose nothing to one that puts functions of its own in place of the driver's", async () => {
      for (const name of ["prepare", "exec", "close"]) {
        const { hooks, inbox, orders, close } = inboxOf({ now: testing.frozenClock() });
        const called = [];
        inbox.on("*", ({ id }, tx) => {
          write(tx, id);
          if (id !== 6) return;
          tx[name] = () => called.push(id);
          tx[name]();
          throw new Error("after it");
        });
        await receive(inbox, 7);
        const { handled, failed } = await testing.drain(hooks);
        assert.deepEqual([handled, failed, orders(), called], [6, 1, ["1", "2", "3", "4", "5", "7"], [6]]);
        await close();
      }
    });

    it("lose nothing to one that writes into its event", async () => {
      const unreadable = {
        get() {
          throw new Error("not to be read");
        },
      };
      const seen = [];
      const { hooks, inbox, orders, all, close } = inboxOf({
        now: testing.frozenClock(),
        onError: (_, event) => void seen.push(event.mine),
      });
      inbox.on("*", (event, tx) => {
        const { id } = event;
        write(tx, id);
        if (id !== 6) return;
        for (const name of Object.keys(event)) Object.defineProperty(event, name, unreadable);
        event.mine = "kept";
        throw new Error("after it");
      });
      await receive(inbox, 7);
      const { handled, failed } = await testing.drain(hooks);
      assert.deepEqual([handled, failed, orders(), seen], [6, 1, ["1", "2", "3", "4", "5", "7"], ["kept"]]);
      assert.deepEqual(all("SELECT result FROM knocker_attempts WHERE event_id = 6"), [{ result: "failed" }]);
      await close();
    });

    it("run again on another connection where one of them has taken theirs, and only that one has failed", async () => {
      const spoilers = [
        (tx) => Object.getPrototypeOf(tx).close(),
        (tx) => (tx.limits ? (tx.limits.sqlLength = 10) : Object.getPrototypeOf(tx).close()),
      ];
      for (const spoil of spoilers) {
        const { hooks, inbox, orders, close } = inboxOf({ now: testing.frozenClock() });
        inbox.on("*", ({ id }, tx) => {
          write(tx, id);
          if (id !== 6) return;
          spoil(tx);
          throw new Error("after it");
        });
        await receive(inbox, 7);
        const { handled, failed, unwritten } = await testing.drain(hooks);
        assert.deepEqual([handled, failed, unwritten, orders()], [6, 1, 0, ["1", "2", "3", "4", "5", "7"]]);
        await close();
      }
    });

    it("are left to their leases where the application's clock breaks beside them, and the rest goes on", async () => {
      const clock = testing.frozenClock();
      let broken = false;
      const now = () => {
        if (broken) {
          broken = false;
          throw new Error("the clock is broken");
        }
        return clock();
      };
      const { hooks, inbox, orders, close } = inboxOf({ now });
      let runs = 0;
      inbox.on("*", ({ id }, tx) => {
        write(tx, id);
        broken = ++runs === 6;
      });
      await receive(inbox, 20);
      const first = await testing.drain(hooks);
      assert.deepEqual([first.unwritten, first.errors[0].error.message], [3, "the clock is broken"]);
      const second = await testing.drain(hooks);
      assert.equal(first.handled + second.handled, 20);
      assert.equal(new Set(orders()).size, 20);
      assert.equal(orders().length, 20);
      await close();
    });

    it("are committed where one of them stops the worker, and the rest is given back", async () => {
      const { hooks, inbox, orders, close } = inboxOf();
      let worker;
      inbox.on("*", ({ id }, tx) => {
        write(tx, id);
        if (id === 12) void worker.stop();
      });
      await receive(inbox, 40);
      worker = hooks.work();
      await worker.done;
      assert.deepEqual(
        orders(),
        Array.from({ length: 12 }, (_, index) => String(index + 1)),
      );
      const { events } = await hooks.stats();
      assert.deepEqual([events.handled, events.received, events.processing], [12, 28, 0]);
      await close();
    });

    it("are each handled once by several workers of several handlers at a time", async () => {
      const { hooks, inbox, orders, close } = inboxOf();
      const other = open(hooks.file, { logger: false });
      const errors = [];
      for (const endpoint of [inbox, other.endpoint("inbox")]) endpoint.on("*", ({ id }, tx) => void write(tx, id));
      await receive(inbox, 300);
      const workers = [hooks, other].map((one) => one.work({ concurrency: 3, onError: (error) => void errors.push(error) }));
      await until(async () => (await hooks.stats()).events.handled === 300, "the end of the backlog");
      for (const worker of workers) await worker.stop();
      assert.deepEqual(errors, []);
      assert.deepEqual(
        orders()
          .map(Number)
          .sort((one, another) => one - another),
        Array.from({ length: 300 }, (_, index) => index + 1),
      );
      await other.close();
      await close();
    });
  });
}
