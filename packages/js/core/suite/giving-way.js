import assert from "node:assert/strict";

import { file, until } from "./workplace.js";

/** Other writers beside a worker with a backlog: when the write lock is left to them, and for how long. */
export default function givingWay({ describe, it, testing, open, openRaw }, GivingWay) {
  /** What it goes by, in the hands of a test. */
  function besideOthers() {
    const beside = { nowMs: 0, version: 1, own: 0, isHeld: false };
    const way = new GivingWay({
      nowMs: () => beside.nowMs,
      version: () => beside.version,
      own: () => beside.own,
      isHeld: () => beside.isHeld,
    });
    const pauses = (times, heldMs) => Array.from({ length: times }, () => way.after(heldMs)).filter((pauseMs) => pauseMs > 0);
    return { beside, way, pauses };
  }

  describe("a worker gives way to other writers", () => {
    it("for a part of the time, to whoever may wait", () => {
      const { pauses } = besideOthers();
      assert.deepEqual(pauses(1, 7), []);
      assert.deepEqual(pauses(1, 8), [1.5]);
      assert.deepEqual(pauses(1, 3000), [5]);
    });

    it("for as long as between two looks of theirs, where they have lately written", () => {
      const { beside, way, pauses } = besideOthers();
      beside.version += 1;
      way.look();
      assert.deepEqual(pauses(7, 20), [25, 25]);
      beside.nowMs += 10_000;
      assert.deepEqual(pauses(1, 20), [4]);
    });

    it("who are not through with their commit when a short turn of theirs is over, as on a disk that syncs slowly", () => {
      const { beside, way, pauses } = besideOthers();
      assert.deepEqual(pauses(1, 20), [2]);
      way.look();
      beside.isHeld = true;
      way.paused();
      // Their commit is seen after one of the worker's own.
      beside.isHeld = false;
      beside.version += 1;
      beside.own += 1;
      way.look();
      assert.deepEqual(pauses(7, 20), [25, 25]);
    });

    it("and takes nothing that it has committed itself for theirs", () => {
      const { beside, way, pauses } = besideOthers();
      beside.version += 1;
      beside.own += 1;
      way.look();
      assert.deepEqual(pauses(1, 20), [2]);
    });

    it("between the commits of a backlog", async () => {
      const path = file();
      // By the clock each handler holds the lock for as long as it takes for a turn of others.
      const clock = testing.frozenClock();
      const hooks = open(path, { logger: false, now: clock });
      const inbox = hooks.endpoint("inbox", {});
      const other = openRaw(path);
      other.exec("PRAGMA synchronous = OFF");
      other.exec("CREATE TABLE notes (text TEXT)");
      const note = other.prepare("INSERT INTO notes VALUES ('another')");
      let [handled, written, most] = [0, 0, 0];
      inbox.on("*", (event, tx) => {
        tx.prepare("INSERT INTO notes VALUES (?)").run(String(event.id));
        clock.advanceMs(60);
        handled += 1;
        most = Math.max(most, written);
        written = 0;
      });
      await Promise.all(Array.from({ length: 20 }, () => inbox.ingest({ valid: true, type: "paid" }, "{}")));
      const worker = hooks.work();
      await until(() => handled > 0, "the first one is handled");
      written = 0;
      while (handled < 20) {
        note.run();
        written += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
      await worker.stop();
      // A turn of the event loop or two are between any two.
      assert.ok(most > 10, `at most ${most} between two commits`);
      await hooks.close();
      other.close();
    });
  });
}
