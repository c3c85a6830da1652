import assert from "node:assert/strict";

import { failure, github, push, SECRET } from "./workplace.js";

/** The helpers for tests of an application. */
export default function testing(runtime) {
  const { describe, it, testing } = runtime;

  describe("the testing module", () => {
    it("signs what the endpoint accepts, for bytes, text and objects", async () => {
      const clock = testing.frozenClock();
      const { hooks } = github(runtime, { now: clock });
      const hmac = hooks.endpoint("own", { provider: "hmac", secrets: [SECRET], options: { header: "X-Signature" } });
      for (const body of ['{"a":1}', new TextEncoder().encode('{"a":2}'), { a: 3 }]) {
        const request = testing.sign("hmac", body, SECRET, { options: { header: "X-Signature" }, url: "/hook", now: clock });
        assert.equal(request.url, "/hook");
        assert.ok(request.headers["X-Signature"]);
        assert.equal((await hmac.receive(request)).outcome, "accepted");
      }
      assert.equal((await failure(() => testing.sign("nobody", "", SECRET))).code, "unknown_provider");
      await hooks.close();
    });

    it("has a clock that stands still until it is moved", async () => {
      const clock = testing.frozenClock(new Date(1000));
      clock.advanceMs(500);
      assert.equal(clock(), 1500);
      clock.set(new Date(9000));
      assert.equal(clock(), 9000);
      const { hooks, endpoint } = github(runtime, { now: clock });
      const { deliveryId } = await endpoint.receive(push(runtime));
      assert.deepEqual((await hooks.delivery(deliveryId)).receivedAt, new Date(9000));
      await hooks.close();
    });

    it("drains a database in memory, with what handlers add", async () => {
      const { hooks, endpoint } = github(runtime, { path: ":memory:" });
      const followUp = hooks.endpoint("follow-up", {});
      endpoint.on("push", (event, tx) => {
        tx.prepare('SELECT knocker_ingest(\'follow-up\', \'{"valid": true, "type": "mail"}\', ?)').all(event.body);
      });
      followUp.on("mail", () => {});
      await endpoint.receive(push(runtime));
      const drained = await testing.drain(hooks);
      const attempts = [1, 2].map((eventId) => ({ eventId, status: "handled" }));
      assert.deepEqual({ ...drained }, { handled: 2, failed: 0, dead: 0, ignored: 0, leaseLost: 0, unwritten: 0, attempts, errors: [] });
      await hooks.close();
    });
  });
}
