import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { folder, github, internals, push, rows, until, value } from "./workplace.js";

/** The library that makes calls fail: extension/conformance/recorder, Linux alone. */
const RECORDER = process.env.KNOCKER_TEST_RECORDER;

const EIO = 5;
const ENOSPC = 28;

/** Disks that fail, in processes whose calls do. */
export default function disk(runtime) {
  const { describe, it, openRaw } = runtime;

  /** A process whose calls fail as `fault` says; `ask` settles with its answer. */
  async function failing(fault, path = join(made(), "app.db")) {
    const place = folder();
    const marks = join(place, "marks");
    writeFileSync(marks, "");
    const child = spawn(process.execPath, [fileURLToPath(new URL("fixtures/disk.js", import.meta.url))], {
      env: {
        ...process.env,
        KNOCKER_TEST_OPENING: runtime.opening,
        KNOCKER_TEST_SIGNING: runtime.signing,
        KNOCKER_TEST_FILE: path,
        LD_PRELOAD: RECORDER,
        KNOCKER_RECORDER_FOLDER: join(path, ".."),
        KNOCKER_RECORDER_LOG: join(place, "log"),
        KNOCKER_RECORDER_CONTROL: join(place, "control"),
        KNOCKER_RECORDER_MARKS: marks,
        KNOCKER_RECORDER_FAULT: fault,
      },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async () => (await lines.next()).value;
    assert.equal(await line(), "ready");
    return {
      path,
      ask: (...words) => (child.stdin.write(`${words.join(" ")}\n`), line()),
    };
  }

  function made() {
    const path = join(folder(), "files");
    mkdirSync(path);
    return path;
  }

  /** The identities of a file as it is without its log: what a checkpoint has brought there. */
  function keysWithoutLog(path) {
    const copy = join(folder(), "copy.db");
    copyFileSync(path, copy);
    const database = openRaw(copy);
    const keys = rows(database, "SELECT key FROM knocker_events WHERE key IS NOT NULL ORDER BY id").map(({ key }) => key);
    database.close();
    return keys;
  }

  function keysOf(path) {
    const database = openRaw(path);
    assert.equal(value(database, "PRAGMA integrity_check"), "ok");
    const keys = rows(database, "SELECT key FROM knocker_events WHERE key IS NOT NULL ORDER BY id").map(({ key }) => key);
    database.close();
    return keys;
  }

  /** Receives until one is accepted; every refusal must be of this kind. Settles with how many there were. */
  async function accepted(ask, id, refusal) {
    let refused = 0;
    await until(async () => {
      const answer = await ask("receive", id);
      if (answer === "200") return true;
      assert.equal(answer, refusal);
      refused += 1;
      return false;
    }, "the disk to be believed again");
    return refused;
  }

  describe("connections", () => {
    it("sync every commit, and leave checkpoints to the package", async () => {
      const { hooks } = github(runtime);
      const link = internals(hooks).inbox.connect();
      for (const connection of [internals(hooks).inbox.connection, link.connection]) {
        const pragma = (name) => Object.values(connection.get(`PRAGMA ${name}`))[0];
        assert.deepEqual([pragma("synchronous"), pragma("wal_autocheckpoint"), pragma("journal_mode")], [2, 0, "wal"]);
      }
      link.close();
      await hooks.close();
    });
  });

  describe("checkpoints", () => {
    it("keep the log short, whoever writes: receives and handlers", async () => {
      const { hooks, endpoint, path } = github(runtime);
      const inbound = hooks.endpoint("inbound", { maxBodyBytes: 1_000_000 });
      const logSize = () => statSync(`${path}-wal`).size;
      for (let count = 0; count < 60; count++) await inbound.ingest({ valid: true }, new Uint8Array(500_000));
      assert.ok(logSize() < 12_000_000, `${logSize()} bytes after 30 MB of receives`);
      endpoint.on("push", (event, tx) => {
        tx.exec("CREATE TABLE IF NOT EXISTS reports (content BLOB)");
        tx.prepare("INSERT INTO reports VALUES (?)").run(new Uint8Array(400_000));
      });
      for (let count = 0; count < 60; count++) await endpoint.receive(push(runtime, { body: `{"n": ${count}}` }));
      const worker = hooks.work();
      const handled = () => hooks.query("SELECT count(*) AS n FROM knocker_events WHERE status = 'handled'")[0].n;
      await until(() => handled() === 60, "all of them");
      await worker.stop();
      // What a checkpoint leaves behind it, and one commit that 32 of the handlers share: 12.8 MB.
      assert.ok(logSize() < 12_000_000 + 32 * 420_000, `${logSize()} bytes after 24 MB of handlers`);
      // The newest of those commits is in the log alone.
      assert.ok(statSync(path).size > 30_000_000);
      await hooks.close();
    });
  });

  if (process.platform !== "linux") return;

  describe("a disk whose syncs fail", () => {
    it("has its recorder", () => assert.ok(RECORDER, "KNOCKER_TEST_RECORDER names libknocker_recorder.so: run-tests builds it"));

    for (const [what, count] of [
      ["once", 1],
      ["five times", 5],
    ]) {
      it(`${what}, at a commit: nothing more is acknowledged until the log has been emptied`, async () => {
        const { ask, path } = await failing(`sync:wal:1:${count}:${EIO}:armed`);
        assert.equal(await ask("open"), "done");
        for (const id of ["a", "b"]) assert.equal(await ask("receive", id), "200");
        await ask("arm");
        assert.equal(await ask("receive", "refused"), "503 io_error");
        await accepted(ask, "c", "503 io_error");
        // What was acknowledged before is in the file by now, without the log.
        assert.deepEqual(keysWithoutLog(path).slice(0, 2), ["a", "b"]);
        assert.equal(await ask("receive", "d"), "200");
        assert.match(await ask("told"), /^io_error/);
        assert.equal(await ask("logged"), "disk_failed disk_recovered");
        await ask("close");
        const keys = keysOf(path);
        for (const key of ["a", "b", "c", "d"]) assert.ok(keys.includes(key), `${key} is gone`);
      });
    }

    it("for good: every receipt is refused", async () => {
      const { ask } = await failing(`sync:wal:1:0:${EIO}:armed`);
      await ask("open");
      await ask("arm");
      for (let count = 0; count < 5; count++) assert.equal(await ask("receive", "refused"), "503 io_error");
      await ask("close");
    });

    it("at a checkpoint: onError is told, and receipts are refused until one succeeds", async () => {
      const { ask, path } = await failing(`sync:main:1:7:${EIO}:armed`);
      await ask("open");
      assert.equal(await ask("receive", "a"), "200");
      await ask("arm");
      let refused = false;
      for (let count = 0; count < 30 && !refused; count++) refused = (await ask("ingest", "500000")) === "io_error";
      assert.ok(refused, "no checkpoint was run");
      assert.match(await ask("told"), /io_error/);
      await accepted(ask, "b", "503 io_error");
      assert.equal(await ask("logged"), "disk_failed disk_recovered");
      await ask("close");
      assert.deepEqual(keysOf(path), ["a", "b"]);
    });

    it("under a worker: each event is handled once in the end", async () => {
      const { ask, path } = await failing(`sync:wal:1:9:${EIO}:armed`);
      await ask("open");
      for (let count = 0; count < 5; count++) await ask("receive", `e${count}`);
      await ask("arm");
      await ask("work");
      await until(async () => (await ask("handled")) === "5", "five events");
      await ask("close");
      const database = openRaw(path);
      const [{ total, different }] = rows(database, "SELECT count(*) AS total, count(DISTINCT event) AS different FROM orders");
      assert.deepEqual([total, different], [5, 5]);
      database.close();
    });
  });

  describe("a disk that is full", () => {
    it("refuses what does not fit, and takes what comes when there is room again", async () => {
      const { ask, path } = await failing(`write:wal:1:3:${ENOSPC}:armed`);
      await ask("open");
      assert.equal(await ask("receive", "a"), "200");
      await ask("arm");
      assert.equal(await ask("receive", "refused"), "503 disk_full");
      await accepted(ask, "b", "503 disk_full");
      await ask("close");
      assert.deepEqual(keysOf(path), ["a", "b"]);
    });
  });

  describe("a connection that came up read-only", () => {
    async function existing() {
      const { ask, path } = await failing("");
      await ask("open");
      await ask("close");
      return path;
    }

    it("because opening the file failed for a moment, is opened again with the first receipt", async () => {
      const path = await existing();
      const { ask } = await failing(`open:main:1:1:${EIO}`, path);
      await ask("open");
      assert.equal(await ask("receive", "a"), "200");
      await ask("close");
      assert.deepEqual(keysOf(path), ["a"]);
    });

    for (const [whose, first] of [
      ["the worker's own", 1],
      ["its handlers'", 2],
    ]) {
      it(`and is ${whose}, is opened again before it is used`, async () => {
        const path = await existing();
        const { ask } = await failing(`open:main:${first}:1:${EIO}:armed`, path);
        await ask("open");
        await ask("receive", "a");
        await ask("arm");
        assert.equal(await ask("work"), "done");
        await until(async () => (await ask("handled")) === "1", "the event");
        assert.equal(await ask("told"), "");
        await ask("close");
      });
    }
  });
}
