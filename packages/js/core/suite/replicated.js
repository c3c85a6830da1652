import assert from "node:assert/strict";
import { mkdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import { litestream, SYNCED } from "./litestream-socket.js";
import { deferred, failure, file, folder, github, push, rows } from "./workplace.js";

/** Enough for what answers at once, on a machine that is busy with other things, in milliseconds. */
const TIMEOUT_MS = 30_000;

/** Receipts that wait until the replica has them; what does not answer like Litestream is 503, and the retry a duplicate. */
export default function replicated(runtime) {
  const { describe, it, knocker, testing, openRaw } = runtime;
  const onUnix = process.platform === "win32" ? describe.skip : describe;

  /** Hooks on a file with a replica, whose Litestream is yet to come. */
  function setUp(options = {}) {
    const socket = join(folder(), "socket");
    return { socket, ...github(runtime, { replicated: socket, replicatedTimeoutMs: TIMEOUT_MS, ...options }) };
  }

  onUnix("with a replica", () => {
    it("a receipt is answered once the replica has it", async () => {
      const { hooks, endpoint, socket, path } = setUp();
      const { promise: held, resolve: release } = deferred();
      const running = await litestream(socket, { held });
      const isAsked = running.next();
      let receipt;
      const receiving = endpoint.receive(push(runtime)).then((given) => (receipt = given));
      await isAsked;
      // It is committed, and nobody has been told.
      const other = openRaw(path);
      assert.deepEqual([rows(other, "SELECT count(*) AS n FROM knocker_events")[0].n, receipt], [1, undefined]);
      other.close();
      release();
      assert.equal((await receiving).outcome, "accepted");
      assert.deepEqual(running.asked, [{ url: "POST /sync", path, wait: true, timeout: TIMEOUT_MS / 1000 }]);
      await hooks.close();
      await running.end();
    });

    it("those who come together wait together, on one connection", async () => {
      const { hooks, endpoint, socket } = setUp();
      const { promise: held, resolve: release } = deferred();
      const running = await litestream(socket, { held });
      const isAsked = running.next();
      const first = endpoint.receive(push(runtime));
      await isAsked;
      const others = Array.from({ length: 20 }, () => endpoint.receive(push(runtime)));
      release();
      assert.deepEqual(
        (await Promise.all([first, ...others])).map(({ outcome }) => outcome),
        Array(21).fill("accepted"),
      );
      // In how many groups they are stored depends on how fast they are judged.
      assert.ok(running.asked.length <= 5, `${running.asked.length} questions`);
      assert.equal(running.connections, 1);
      await hooks.close();
      await running.end();
    });

    for (const [what, answer, message] of [
      ["fails", [500, { error: "sync database: no space left" }], /500: sync database: no space left/],
      ["is stopped", [409, { error: "database not open" }], /409: database not open/],
      ["knows nothing of the file", [404, { error: "database not found" }], /404: database not found/],
      ["has synced to its own folder alone", [200, { status: "synced_local", txid: 9, replicated_txid: 8 }], /200: synced_local/],
      ["has not begun", [200, { status: "no_change", txid: 0, replicated_txid: 0 }], /200: no_change/],
      ["counts in text", [200, { status: "synced", txid: 7, replicated_txid: "7" }], /200: synced/],
      ["counts in nothing", [200, { status: "synced", txid: 7, replicated_txid: true }], /200: synced/],
      ["says something else", [200, ["synced"]], /200: no reason/],
      ["speaks no JSON", [200, "<html>synced</html>"], /cannot be asked/],
    ]) {
      it(`a receipt is stored where Litestream ${what}, and the retry is a duplicate`, async () => {
        const { hooks, endpoint, socket } = setUp();
        const running = await litestream(socket, { answer });
        const request = push(runtime);
        const error = await failure(endpoint.receive(request));
        assert.ok(error instanceof knocker.NotReplicatedError && error instanceof knocker.DatabaseError);
        assert.match(error.message, message);
        assert.deepEqual([error.code, error.retryable], ["not_replicated", true]);
        running.answer = SYNCED;
        assert.equal((await endpoint.receive(request)).outcome, "duplicate");
        assert.equal(hooks.query("SELECT count(*) AS n FROM knocker_events")[0].n, 1);
        await hooks.close();
        await running.end();
      });
    }

    it("one that does not answer in time is given up", async () => {
      const { hooks, endpoint, socket } = setUp({ replicatedTimeoutMs: 50 });
      const running = await litestream(socket, { held: new Promise(() => {}) });
      const error = await failure(endpoint.receive(push(runtime)));
      assert.match(error.message, /did not sync in 50 ms/);
      await hooks.close();
      await running.end();
    });

    it("many do not wait one group after the other", async () => {
      const { hooks, endpoint, socket } = setUp({ replicatedTimeoutMs: 300 });
      const running = await litestream(socket, { held: new Promise(() => {}) });
      const all = await Promise.all(Array.from({ length: 600 }, () => failure(endpoint.receive(push(runtime)))));
      assert.ok(all.every((error) => error instanceof knocker.NotReplicatedError));
      // Whoever came before the question that nobody answers has waited as long as its askers.
      assert.ok(running.asked.length <= 3, `it was asked ${running.asked.length} times`);
      await hooks.close();
      await running.end();
    });

    it("Litestream may go and come back", async () => {
      const { hooks, endpoint, socket, errors } = setUp();
      const request = push(runtime);
      assert.match((await failure(endpoint.receive(request))).message, /cannot be asked/);
      for (let times = 0; times < 2; times++) {
        const running = await litestream(socket);
        assert.equal((await endpoint.receive(request)).outcome, "duplicate");
        assert.equal((await endpoint.receive(request)).outcome, "duplicate");
        assert.equal(running.asked.length, 2);
        await running.end();
      }
      assert.deepEqual(errors, []);
      await hooks.close();
    });

    it("the sender is told to try again", async () => {
      const { hooks, endpoint, socket, errors } = setUp();
      const { method, headers, body } = push(runtime);
      const post = () => endpoint.fetch(new Request("http://localhost/webhooks/github", { method, headers, body }));
      const refused = await post();
      assert.deepEqual([refused.status, refused.headers.get("retry-after"), await refused.text()], [503, "5", "try again later"]);
      assert.deepEqual(
        errors.map(({ error }) => error.code),
        ["not_replicated"],
      );
      const running = await litestream(socket);
      assert.equal((await post()).status, 200);
      await hooks.close();
      await running.end();
    });

    it("what is no receipt waits for no replica", async () => {
      const { hooks, endpoint } = setUp();
      await failure(endpoint.receive(push(runtime)));
      assert.equal((await hooks.ignore(1, "by hand")).status, "ignored");
      await hooks.close();
    });

    it("the file may have another name there", async () => {
      const at = folder();
      mkdirSync(join(at, "real"));
      symlinkSync(join(at, "real"), join(at, "link"));
      const { hooks, endpoint, socket } = setUp({ path: join(at, "link/app.db") });
      const name = join(realpathSync(join(at, "real")), "app.db");
      const link = join(at, "link/app.db");
      let known;
      const running = await litestream(socket, {
        answer: ({ path }) => (path === known ? SYNCED : [404, { error: "database not found" }]),
      });
      assert.match((await failure(endpoint.receive(push(runtime)))).message, /404/);
      // One that is known is asked for first from then on.
      for (known of [name, link]) {
        for (let times = 0; times < 2; times++) assert.equal((await endpoint.receive(push(runtime))).outcome, "accepted");
      }
      assert.deepEqual(
        running.asked.map(({ path }) => path),
        [link, name, link, name, name, name, link, link],
      );
      await hooks.close();
      await running.end();
    });

    it("no receipt is taken that could not wait", async () => {
      const { hooks, endpoint } = setUp();
      assert.match((await failure(() => endpoint.receiveSync(push(runtime)))).message, /receiveSync cannot wait/);
      await hooks.close();
      assert.match(
        (await failure(() => runtime.open(":memory:", { replicated: "/run/litestream.sock" }))).message,
        /in memory has no replica/,
      );
    });

    it("a file of a test waits for none", async () => {
      const { hooks, endpoint } = setUp();
      const { end } = await testing.onFile(hooks, file());
      assert.equal((await endpoint.receive(push(runtime))).outcome, "accepted");
      await end();
      await hooks.close();
    });

    it("options that cannot be meant are refused", async () => {
      for (const options of [{ replicated: "" }, { replicated: 5 }, { replicated: "socket", replicatedTimeoutMs: 0 }]) {
        const error = await failure(() => runtime.open(file(), options));
        assert.deepEqual([error.code, /replicated/.test(error.message)], ["usage", true]);
      }
    });
  });

  describe("the idempotency key of an event", () => {
    const { cases } = JSON.parse(readFileSync(new URL("../../../../extension/conformance/idempotency_keys.json", import.meta.url)));
    for (const { endpoint, key, id = 1, received_at, body = "", is } of cases) {
      it(`is ${is}`, () => {
        const row = { event_id: id, endpoint, key, received_at: received_at ?? 0, body: new TextEncoder().encode(body), headers: "{}" };
        assert.equal(new knocker.Event(row).idempotencyKey, is);
      });
    }
  });
}
