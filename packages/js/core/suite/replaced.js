import assert from "node:assert/strict";
import { copyFileSync, existsSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { collect, deferred, failure, file, folder, github, push, rows, until, value } from "./workplace.js";

/** A file that is removed or replaced while it is open. */
export default function replaced(runtime) {
  const { describe, it, knocker, openRaw } = runtime;

  const request = (signed) => new Request("http://app.test/github", { method: "POST", headers: signed.headers, body: signed.body });
  const keys = (path) => {
    const database = openRaw(path);
    const all = rows(database, "SELECT key FROM knocker_events ORDER BY id").map(({ key }) => key);
    database.close();
    return all;
  };

  /** A whole file with one event of its own, beside the others. */
  async function backup(key = "from the backup") {
    const { hooks, endpoint, path } = github(runtime);
    await endpoint.receive(push(runtime, { id: key }));
    await hooks.close();
    return path;
  }

  /** Receives until it is accepted; every refusal must be the one that is expected. */
  async function accepted(endpoint, id) {
    return until(async () => {
      try {
        return await endpoint.receive(push(runtime, { id }));
      } catch (error) {
        assert.equal(error.code, "file_replaced", error.message);
        return undefined;
      }
    }, "the new file to be opened");
  }

  describe("a file that is replaced while it is open", () => {
    it("is noticed before anything is acknowledged: 503, then the new file with the endpoints declared again", async () => {
      const { hooks, endpoint, path, errors } = github(runtime, {}, { maxAttempts: 3 });
      await endpoint.receive(push(runtime, { id: "first" }));
      const other = file();
      writeFileSync(other, "");
      rmSync(other);
      // A new file of another application: Knocker's schema is not in it yet.
      const fresh = openRaw(other);
      fresh.exec("CREATE TABLE notes (text)");
      fresh.close();
      renameSync(other, path);
      const response = await endpoint.fetch(request(push(runtime, { id: "refused" })));
      assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "5"]);
      assert.equal(await response.text(), "try again later");
      const [{ error }] = errors;
      assert.ok(error instanceof knocker.FileReplacedError && error instanceof knocker.DatabaseError && error.retryable);
      assert.match(error.message, /app\.db was replaced while it was open/);
      await accepted(endpoint, "second");
      assert.deepEqual(keys(path), ["second"]);
      const [stored] = await collect(hooks.storedEndpoints());
      assert.deepEqual([stored.name, stored.maxAttempts], ["github", 3]);
      assert.equal((await endpoint.receive(push(runtime, { id: "second" }))).outcome, "duplicate");
      await hooks.close();
      assert.match(errors.at(-1).error.message, /the new one is open now/);
    });

    it("is noticed without any request", async () => {
      const { hooks, path, errors } = github(runtime);
      renameSync(await backup(), path);
      await until(() => errors.some(({ error }) => /the new one is open now/.test(error.message)), "the new file");
      assert.equal(hooks.query("SELECT key FROM knocker_events")[0].key, "from the backup");
      await hooks.close();
    });

    it("does not get the former one's log: what was committed stays in the former", async () => {
      const { hooks, endpoint, path } = github(runtime);
      await endpoint.receive(push(runtime, { id: "old" }));
      const former = join(dirname(path), "former.db");
      renameSync(path, former);
      renameSync(await backup(), path);
      await accepted(endpoint, "new");
      await hooks.close();
      assert.deepEqual([keys(path), keys(former)], [["from the backup", "new"], ["old"]]);
      for (const name of [path, former]) {
        const database = openRaw(name);
        assert.equal(value(database, "PRAGMA integrity_check"), "ok");
        database.close();
      }
      // Nothing else was left behind.
      const names = readdirSync(dirname(path)).filter((name) => !/-(wal|shm)$/.test(name));
      assert.deepEqual(names.sort(), ["app.db", "former.db"]);
    });

    it("keeps what the former one's log held where somebody is in the way of emptying it", async () => {
      const { hooks, endpoint, path, errors } = github(runtime);
      const reader = openRaw(path);
      reader.exec("BEGIN");
      value(reader, "SELECT count(*) FROM knocker_events");
      await endpoint.receive(push(runtime, { id: "old" }));
      renameSync(await backup(), path);
      await accepted(endpoint, "new");
      const [log] = readdirSync(dirname(path)).filter((name) => name.startsWith("app.db-wal.of-replaced-file-"));
      assert.ok(log, "the log was not kept");
      assert.ok(
        errors.some(({ error }) => error.message.includes(log)),
        "nobody was told where it is",
      );
      reader.exec("ROLLBACK");
      reader.close();
      await hooks.close();
      assert.deepEqual(keys(path), ["from the backup", "new"]);
    });

    it("is followed through a symbolic link that is pointed elsewhere", async () => {
      const [first, second, place] = [file(), await backup(), folder()];
      const link = join(place, "app.db");
      symlinkSync(first, link);
      const { hooks, endpoint } = github(runtime, { path: link });
      await endpoint.receive(push(runtime, { id: "old" }));
      symlinkSync(second, `${link}.new`);
      renameSync(`${link}.new`, link);
      await accepted(endpoint, "new");
      assert.deepEqual([keys(first), keys(second)], [["old"], ["from the backup", "new"]]);
      await hooks.close();
    });

    it("is not opened while it is being written", async () => {
      const { hooks, endpoint, path } = github(runtime);
      const whole = await backup();
      rmSync(path);
      writeFileSync(path, "");
      assert.equal((await failure(endpoint.receive(push(runtime)))).code, "file_replaced");
      assert.equal((await failure(endpoint.receive(push(runtime)))).code, "file_replaced");
      copyFileSync(whole, path);
      await accepted(endpoint, "new");
      assert.deepEqual(keys(path), ["from the backup", "new"]);
      await hooks.close();
    });
  });

  describe("a file that is removed while it is open", () => {
    it("is not made anew: 503 until there is one again", async () => {
      const { hooks, endpoint, path, errors } = github(runtime);
      const whole = await backup();
      for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix);
      for (const use of [() => endpoint.receive(push(runtime)), () => endpoint.receiveSync(push(runtime)), () => hooks.stats()]) {
        assert.match((await failure(use)).message, /was removed while it was open/);
      }
      assert.equal((await endpoint.fetch(request(push(runtime)))).status, 503);
      assert.deepEqual(readdirSync(dirname(path)), []);
      renameSync(whole, path);
      await accepted(endpoint, "new");
      assert.deepEqual(keys(path), ["from the backup", "new"]);
      assert.ok(errors.length > 0);
      await hooks.close();
    });

    it("is fine when it comes back to its place", async () => {
      const { hooks, endpoint, path } = github(runtime);
      renameSync(path, `${path}.away`);
      assert.equal((await failure(endpoint.receive(push(runtime)))).code, "file_replaced");
      renameSync(`${path}.away`, path);
      assert.equal((await endpoint.receive(push(runtime, { id: "back" }))).outcome, "accepted");
      assert.deepEqual(keys(path), ["back"]);
      await hooks.close();
    });

    it("is closed like any other", async () => {
      const { hooks, path } = github(runtime);
      const working = hooks.work();
      for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix);
      await hooks.close();
      await working.done;
      assert.deepEqual(readdirSync(dirname(path)), []);
    });
  });

  describe("a worker whose file is replaced", () => {
    it("goes on on the new one", async () => {
      const { hooks, endpoint, path } = github(runtime);
      const handled = [];
      endpoint.on("push", (event, tx) => {
        tx.exec("CREATE TABLE IF NOT EXISTS orders (event INTEGER)");
        handled.push(event.headers["x-github-delivery"]);
      });
      hooks.work({ concurrency: 2 });
      await endpoint.receive(push(runtime, { id: "old" }));
      await until(() => handled.length === 1, "the first event");
      renameSync(await backup(), path);
      await until(() => handled.length === 2, "the event of the new file");
      await accepted(endpoint, "new");
      await until(() => handled.length === 3, "what came after it");
      await until(() => hooks.query("SELECT count(*) AS n FROM knocker_events WHERE status = 'handled'")[0].n === 2, "their results");
      assert.deepEqual(handled, ["old", "from the backup", "new"]);
      await hooks.close();
      assert.ok(existsSync(path), basename(path));
    });

    it("commits nothing of a handler that began before", async () => {
      const { hooks, endpoint, path, errors } = github(runtime);
      const [entered, goOn] = [deferred(), deferred()];
      endpoint.on("push", async (event, tx) => {
        tx.exec("CREATE TABLE IF NOT EXISTS orders (event INTEGER)");
        tx.exec("INSERT INTO orders VALUES (1)");
        if (event.headers["x-github-delivery"] !== "old") return;
        entered.resolve();
        await goOn.promise;
      });
      const former = join(dirname(path), "former.db");
      await endpoint.receive(push(runtime, { id: "old" }));
      const worker = hooks.work();
      await entered.promise;
      renameSync(path, former);
      renameSync(await backup("other"), path);
      await until(() => errors.some(({ error }) => /the new one is open now/.test(error.message)), "the new file");
      goOn.resolve();
      await until(() => hooks.query("SELECT status FROM knocker_events")[0].status === "handled", "the event of the new file");
      await worker.stop();
      await hooks.close();
      const [old, next] = [openRaw(former), openRaw(path)];
      assert.equal(value(old, "SELECT count(*) FROM sqlite_schema WHERE name = 'orders'"), 0);
      assert.equal(value(next, "SELECT count(*) FROM orders"), 1);
      old.close();
      next.close();
    });
  });
}
