import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Worker as Thread } from "node:worker_threads";

import { post } from "./serving.js";
import { start as startProgram } from "./starting.js";
import { file, folder, github, isRunning, PATIENCE_MS, push, rows, until, value } from "./workplace.js";

/** Other processes and threads on the same file, and what remains when they are killed. */
export default function processes(runtime) {
  const { describe, it, openRaw } = runtime;
  const fixture = (name) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

  function environment(path) {
    return { ...process.env, KNOCKER_TEST_OPENING: runtime.opening, KNOCKER_TEST_FILE: path };
  }

  const start = (path, ...command) => startProgram(process.execPath, command, { env: environment(path) });

  /** A file with a table of what handlers wrote. */
  function shop() {
    // Attempts are lost with each kill, and on a slow machine with leases of a second; what was lost is tried again at once.
    const made = github(runtime, {}, { maxAttempts: 1000, backoff: { baseS: 0 } });
    const database = openRaw(made.path);
    database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}`);
    database.exec("CREATE TABLE orders (event INTEGER)");
    return { ...made, database, count: () => value(database, "SELECT count(*) FROM orders") };
  }

  describe("the command knocker-worker", () => {
    it("works on what another process received, and ends on SIGTERM when its handler has ended", async () => {
      const { hooks, endpoint, database, count, path } = shop();
      const { child, told, exited } = start(path, runtime.command, fixture("hooks.js"), "--concurrency", "2");
      for (let n = 0; n < 5; n++) await endpoint.receive(push(runtime));
      await until(() => count() === 5, "five events");
      await endpoint.receive(push(runtime, { type: "slow" }));
      await until(() => told.stdout.includes("entered"), "the slow handler");
      child.kill("SIGTERM");
      child.stdin.write("go on\n");
      const { code, stderr } = await exited;
      assert.equal(code, 0, stderr);
      assert.match(stderr, /knocker-worker: .* works on .*app\.db/);
      assert.equal(count(), 6);
      assert.equal(value(database, "SELECT count(*) FROM knocker_jobs"), 0);
      database.close();
      await hooks.close();
    });

    it("ends when the runner that started it has ended without passing the signal on", async () => {
      const { hooks, database, path } = shop();
      // As npm does: a shell in between, which a SIGTERM ends alone.
      const command = `"${process.execPath}" "${runtime.command}" "${fixture("hooks.js")}" & wait`;
      const { child, told } = startProgram("sh", ["-c", command], { env: { ...environment(path), npm_command: "exec" } });
      const [, pid] = await until(() => /works on/.test(told.stderr) && /:(\d+):/.exec(told.stderr), "the worker");
      child.kill("SIGTERM");
      await until(() => !isRunning(Number(pid)), "its end");
      database.close();
      await hooks.close();
    });

    it("explains itself", async () => {
      const made = shop();
      made.database.close();
      await made.hooks.close();
      const help = await start(folder(), runtime.command, "--help").exited;
      assert.deepEqual([help.code, /^usage: knocker-worker <module>/.test(help.stdout)], [0, true]);
      const nothing = await start(folder(), runtime.command).exited;
      assert.equal(nothing.code, 2);
      const wrong = await start(folder(), runtime.command, fixture("../workplace.js")).exited;
      assert.deepEqual([wrong.code, /exports no Hooks as hooks or tenants or default/.test(wrong.stderr)], [2, true]);
      const missing = await start(folder(), runtime.command, "./nope.js").exited;
      assert.deepEqual([missing.code, missing.stderr], [2, "knocker-worker: there is no file ./nope.js\n"]);
      const slow = await start(made.path, runtime.command, fixture("hooks.js"), "--lease", "soon").exited;
      assert.deepEqual([slow.code, /leaseS must be .* not NaN/.test(slow.stderr)], [2, true]);
      const idle = await start(made.path, runtime.command, fixture("idle.js")).exited;
      assert.deepEqual([idle.code, /idle\.js registers no handler/.test(idle.stderr)], [2, true]);
      const unknown = await start(folder(), runtime.command, "x.js", "--speed", "9").exited;
      assert.deepEqual([unknown.code, /--speed/.test(unknown.stderr)], [2, true]);
    });
  });

  describe("a program", () => {
    it("ends by itself when its worker has stopped and its hooks are closed", async () => {
      const { child, told, exited } = start(file(), fixture("program.js"));
      // Only against a process that stays when this fails.
      const limit = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
      const { code, signal, stderr } = await exited;
      clearTimeout(limit);
      assert.deepEqual([code, signal, told.stdout], [0, null, "handled 1\nclosed\n"], stderr);
    });
  });

  describe("a worker in a thread", () => {
    it("works on what the main thread receives", async () => {
      const { hooks, endpoint, database, count, path } = shop();
      const thread = new Thread(fixture("thread.js"), { env: environment(path) });
      const message = () => new Promise((resolve, reject) => thread.once("message", resolve).once("error", reject));
      assert.equal(await message(), "started");
      await Promise.all(Array.from({ length: 20 }, () => endpoint.receive(push(runtime))));
      await until(() => count() === 20, "twenty events");
      thread.postMessage("stop");
      assert.equal(await message(), "stopped");
      await thread.terminate();
      database.close();
      await hooks.close();
    });
  });

  describe("SIGKILL", () => {
    it("of a server under load loses nothing that was answered 2xx", async () => {
      const { hooks, database, path } = shop();
      const acknowledged = new Set();
      let next = 0;
      for (let round = 0; round < 5; round++) {
        const { child, told, exited } = start(path, fixture("server.js"));
        const port = Number(await until(() => /^\d+\n/.exec(told.stdout)?.[0], "the server"));
        const enough = acknowledged.size + 60 + round * 17;
        const senders = Array.from({ length: 16 }, async () => {
          for (;;) {
            const id = `kill-${next++}`;
            try {
              const { status } = await post(port, push(runtime, { id }));
              assert.equal(status, 200);
            } catch (error) {
              // The server is gone, and with it this connection in whatever way.
              if (child.killed) return;
              throw error;
            }
            acknowledged.add(id);
            if (acknowledged.size >= enough) child.kill("SIGKILL");
          }
        });
        await Promise.all(senders);
        assert.equal((await exited).signal, "SIGKILL");
      }
      const stored = new Set(rows(database, "SELECT key FROM knocker_events").map(({ key }) => key));
      const missing = [...acknowledged].filter((id) => !stored.has(id));
      console.log(`${acknowledged.size} requests answered 2xx over 5 kills of the server, ${missing.length} of them missing`);
      assert.deepEqual(missing, []);
      assert.equal(value(database, "PRAGMA integrity_check"), "ok");
      database.close();
      await hooks.close();
    });

    it("of workers leaves each event handled, and its handler's writes there exactly once", async () => {
      const { hooks, endpoint, database, count, path } = shop();
      await Promise.all(Array.from({ length: 300 }, () => endpoint.receive(push(runtime))));
      let kills = 0;
      for (let target = 40; target <= 240; target += 40) {
        const { child, exited } = start(path, runtime.command, fixture("hooks.js"), "--lease", "1", "--concurrency", "3");
        await until(() => count() >= target, `${target} events`);
        child.kill("SIGKILL");
        assert.equal((await exited).signal, "SIGKILL");
        kills += 1;
      }
      const last = start(path, runtime.command, fixture("hooks.js"), "--lease", "1", "--concurrency", "3");
      await until(() => value(database, "SELECT count(*) FROM knocker_events WHERE status = 'handled'") === 300, "all events");
      // The one before it may have handled them all: this one must be there to be told to stop.
      await until(() => last.told.stderr.includes("works on"), "the last worker");
      last.child.kill("SIGTERM");
      assert.equal((await last.exited).code, 0);
      const [{ total, different }] = rows(database, "SELECT count(*) AS total, count(DISTINCT event) AS different FROM orders");
      console.log(`${total} rows of ${different} events after ${kills} kills of the worker`);
      assert.deepEqual([total, different], [300, 300]);
      database.close();
      await hooks.close();
    });
  });
}
