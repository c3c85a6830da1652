import assert from "node:assert/strict";

import { countedOrders, write } from "./counted.js";
import { deferred, failure, github, push, rows, value } from "./workplace.js";

/** What close() waits for, and what it refuses. */
export default function closing(runtime) {
  const { describe, it, knocker } = runtime;
  const counted = (options, endpointOptions) => countedOrders(runtime, options, endpointOptions);

  describe("a worker that cannot be made", () => {
    it("leaves nothing behind that would be waited for", async () => {
      const { hooks } = github(runtime);
      const internals = Object.getOwnPropertySymbols(knocker.Hooks.prototype).find(
        ({ description }) => description === "knocker internals",
      );
      const { inbox } = hooks[internals];
      const { driver } = inbox;
      const opened = [];
      const refusing = {
        ...driver,
        open: (path) => {
          // As a system without free file descriptors does.
          if (opened.length === 2) throw new knocker.IoError("io_error", "too many open files", { retryable: true, hint: "" });
          opened.push(driver.open(path));
          return opened.at(-1);
        },
      };
      inbox.driver = refusing;
      assert.ok((await failure(() => hooks.work({ concurrency: 3 }))) instanceof knocker.IoError);
      assert.equal(opened.length, 2);
      for (const connection of opened) await failure(() => connection.get("SELECT 1"));
      await hooks.close();
    });
  });

  describe("close", () => {
    it("comes to its end under load: what was accepted is stored, what comes later is refused", async () => {
      const { hooks, endpoint, database } = counted();
      let accepted = 0;
      const enough = deferred();
      const refusals = Array.from({ length: 4 }, async () => {
        for (;;) {
          try {
            await endpoint.receive(push(runtime));
          } catch (error) {
            return error;
          }
          if (++accepted === 20) enough.resolve();
        }
      });
      await enough.promise;
      await hooks.close();
      for (const error of await Promise.all(refusals)) assert.ok(error instanceof knocker.ClosedError);
      assert.equal(value(database, "SELECT count(*) FROM knocker_events"), accepted);
      database.close();
    });

    it("lets a handler that still runs write through the hooks", async () => {
      const { hooks, endpoint, database } = counted();
      const running = deferred();
      const goOn = deferred();
      endpoint.on("push", async () => {
        running.resolve();
        await goOn.promise;
        await endpoint.ingest({ valid: true, type: "follow-up" }, "");
      });
      await endpoint.receive(push(runtime));
      hooks.work();
      await running.promise;
      const closed = hooks.close();
      goOn.resolve();
      await closed;
      assert.deepEqual(
        rows(database, "SELECT type, status FROM knocker_events").map((row) => ({ ...row })),
        [
          { type: "push", status: "handled" },
          { type: "follow-up", status: "received" },
        ],
      );
      database.close();
    });

    for (const [how, end] of [
      ["close()", ({ hooks }) => hooks.close()],
      ["stop()", ({ working }) => working.stop()],
    ]) {
      it(`is not waited for inside a handler: ${how} settles at once there, and the handler's event is handled`, async () => {
        const { hooks, endpoint, database, errors } = counted();
        const made = { hooks };
        let later;
        endpoint.on("push", async (event, tx) => {
          await end(made);
          write(event, tx);
          // What comes after the handler waits as always.
          later = new Promise((resolve) => setImmediate(resolve)).then(() => end(made));
        });
        await endpoint.receive(push(runtime));
        await endpoint.receive(push(runtime));
        made.working = hooks.work();
        await made.working.done;
        await later;
        await hooks.close();
        assert.deepEqual(
          rows(database, "SELECT status FROM knocker_events").map(({ status }) => status),
          ["handled", "received"],
        );
        assert.deepEqual([value(database, "SELECT count(*) FROM orders"), errors], [1, []]);
        database.close();
      });
    }

    it("leaves nothing to work with", async () => {
      const { hooks, endpoint } = github(runtime);
      await Promise.all([hooks.close(), hooks.close()]);
      const uses = [
        () => hooks.work(),
        () => hooks.endpoint("github"),
        () => hooks.endpoint("other", {}),
        () => endpoint.receive(push(runtime)),
        () => endpoint.receiveSync(push(runtime)),
        () => endpoint.verify(push(runtime)),
        () => hooks.stats(),
      ];
      for (const use of uses) assert.ok((await failure(use)) instanceof knocker.ClosedError, String(use));
      const response = await endpoint.fetch(new Request("http://app.test/github", { method: "POST", body: "{}" }));
      assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "5"]);
    });
  });
}
