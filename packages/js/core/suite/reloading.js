import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { start } from "./starting.js";
import { collect, deferred, file, folder, github, PATIENCE_MS, push, SECRET, until } from "./workplace.js";

/** An application whose handlers say which version of it they are; each event fails, and is tried again at once. */
const application = (version) => `
const { open } = await import(process.env.KNOCKER_TEST_OPENING);
const hooks = open(process.env.KNOCKER_TEST_FILE, { busyTimeoutMs: ${PATIENCE_MS}, logger: false });
const endpoint = hooks.endpoint("inbound", { maxAttempts: 1000, backoff: { baseS: 0 } });
endpoint.on("again", () => {
  console.log("${version} handles");
  throw new Error("again");
});
endpoint.on("slow", async (event, tx) => {
  tx.exec("CREATE TABLE IF NOT EXISTS slow (event INTEGER)");
  console.log("${version} holds the lock");
  if ("${version}" === "old") await new Promise((resolve) => setTimeout(resolve, 2_000_000_000));
});
hooks.work({ concurrency: 2, leaseS: 1 });
console.log("${version} is ready");
`;

/** One program that is loaded anew, and started anew. */
export default function reloading(runtime) {
  const { describe, it, testing } = runtime;

  describe("an application that is edited while it runs", () => {
    for (const [how, ...flags] of runtime.reloads) {
      // A process that ends takes what it was in the middle of along.
      for (const type of flags[0] === "--hot" ? ["again", "slow"] : ["again"]) {
        it(`under ${how} handles ${type === "slow" ? "what the former one was in the middle of" : "its events"} with its new handlers alone`, async () => {
          const path = file();
          const app = join(folder(), "app.mjs");
          writeFileSync(app, application("old"));
          const env = { ...process.env, KNOCKER_TEST_OPENING: runtime.opening, KNOCKER_TEST_FILE: path };
          const { child, told, exited } = start(process.execPath, [...flags, app], { env });
          const says = (text, what = text) =>
            until(() => told.stdout.includes(text) || (child.exitCode !== null && assert.fail(told.stderr)), what);
          await says("old is ready");
          const elsewhere = runtime.open(path, { busyTimeoutMs: PATIENCE_MS });
          await elsewhere.endpoint("inbound").ingest({ valid: true, type }, "");
          await says(type === "slow" ? "old holds the lock" : "old handles");
          writeFileSync(app, application("new"));
          await says("new is ready");
          await says(type === "slow" ? "new holds the lock" : "new handles");
          if (type === "again") {
            for (let count = 0; count < 10; count++) await elsewhere.endpoint("inbound").ingest({ valid: true, type }, "");
            await until(() => told.stdout.split("new handles").length > 11, "all of them");
          }
          assert.doesNotMatch(told.stdout.split("new is ready")[1], /\bold\b/);
          await elsewhere.close();
          child.kill("SIGKILL");
          await exited;
        });
      }
    }
  });

  describe("an application that is started again in one process", () => {
    it("goes on after close and reopen with its endpoints, secrets and handlers", async () => {
      const { hooks, endpoint, path } = github(runtime);
      const seen = [];
      endpoint.on("push", (event) => void seen.push(event.id));
      for (let life = 1; life <= 3; life++) {
        await hooks.reopen();
        const worker = hooks.work();
        assert.equal((await endpoint.receive(push(runtime))).outcome, "accepted");
        await until(() => seen.length === life, "the event");
        await hooks.close();
        await worker.done;
        assert.equal((await endpoint.fetch(new Request("http://app.test/", { method: "POST", body: "" }))).status, 503);
      }
      assert.deepEqual(seen, [1, 2, 3]);
      await hooks.reopen();
      assert.equal(hooks.file, path);
      await hooks.close();
    });

    it("goes on on a file of a test, with a clock that stands still", async () => {
      const { hooks, endpoint, path } = github(runtime);
      const clock = testing.frozenClock();
      const seen = [];
      endpoint.on("push", (event) => void seen.push(event.receivedAt));
      for (const other of [file(), ":memory:"]) {
        await hooks.reopen(other, { now: clock });
        assert.equal((await endpoint.receive(push(runtime))).eventId, 1);
        assert.equal((await testing.drain(hooks)).handled, 1);
      }
      assert.deepEqual(seen, [new Date(clock()), new Date(clock())]);
      await hooks.reopen(path);
      assert.equal(hooks.query("SELECT count(*) AS n FROM knocker_events")[0].n, 0);
      await hooks.close();
    });

    it("takes its tables along, the endpoints that it did not declare, and goes back to its own file", async () => {
      const { hooks, path } = github(runtime);
      const elsewhere = runtime.open(path);
      elsewhere.endpoint("theirs", { maxAttempts: 3, backoff: { baseS: 7 } });
      await elsewhere.close();
      const endpoint = hooks.endpoint("theirs");
      const database = runtime.openRaw(path);
      database.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT); CREATE INDEX orders_note ON orders (note)");
      database.exec("CREATE VIEW noted AS SELECT note FROM orders; INSERT INTO orders VALUES (1, 'real')");
      endpoint.on("*", (event, tx) => void tx.prepare("INSERT INTO orders VALUES (?, 'test')").run(event.id));
      await hooks.close();
      const isolated = await testing.onFile(hooks, file(), { now: testing.frozenClock() });
      await endpoint.ingest({ valid: true }, "");
      assert.equal((await testing.drain(hooks)).handled, 1);
      assert.deepEqual(
        hooks.query("SELECT note FROM noted").map(({ note }) => note),
        ["test"],
      );
      const [stored] = hooks.query("SELECT max_attempts, backoff FROM knocker_endpoints WHERE name = 'theirs'");
      assert.deepEqual([stored.max_attempts, JSON.parse(stored.backoff).base_s], [3, 7]);
      await isolated.end();
      assert.throws(() => hooks.query("SELECT 1"), { code: "closed" });
      await hooks.reopen();
      assert.equal(hooks.file, path);
      assert.deepEqual(
        hooks.query("SELECT note FROM noted").map(({ note }) => note),
        ["real"],
      );
      assert.ok(Math.abs((await collect(hooks.storedEndpoints()))[0].createdAt - Date.now()) < 86_400_000);
      database.close();
      await hooks.close();
    });

    it("stays closed where the file cannot be opened, and can be opened afterwards", async () => {
      const { hooks, endpoint } = github(runtime);
      await assert.rejects(hooks.reopen(join(folder(), "nowhere/app.db")), /there is no folder/);
      await assert.rejects(endpoint.receive(push(runtime)), { code: "closed" });
      await hooks.reopen();
      assert.equal((await endpoint.receive(push(runtime))).outcome, "accepted");
      await hooks.close();
    });

    it("is not reopened from inside a handler", async () => {
      const { hooks, endpoint } = github(runtime);
      const told = deferred();
      endpoint.on("push", async () => {
        await hooks.reopen();
        await hooks.reopen(file()).catch(told.resolve);
      });
      await endpoint.receive(push(runtime));
      await testing.drain(hooks);
      assert.equal((await told.promise).code, "usage");
      await hooks.close();
    });

    it("may have been attached to a database of the application", async () => {
      const database = runtime.openRaw(file());
      const hooks = runtime.knocker.attach(database);
      const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
      await hooks.close();
      await hooks.reopen();
      assert.equal((await endpoint.receive(push(runtime))).outcome, "accepted");
      await hooks.close();
      database.close();
    });
  });
}
