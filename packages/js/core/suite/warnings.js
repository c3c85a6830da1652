import assert from "node:assert/strict";

import { github, push } from "./workplace.js";

/** What an operator hears of although nothing failed. */
export default function warnings(runtime) {
  const { describe, it, testing } = runtime;

  function warned(endpointOptions) {
    const clock = testing.frozenClock();
    const warnings = [];
    const made = github(runtime, { now: clock, onWarning: (warning) => warnings.push(warning) }, endpointOptions);
    const send = async (signed, headers = {}) => {
      const request = new Request("http://app.test/github", {
        method: "POST",
        headers: { ...signed.headers, ...headers },
        body: signed.body,
        duplex: "half",
      });
      return (await made.endpoint.fetch(request)).status;
    };
    return { ...made, clock, warnings, send };
  }

  describe("a warning", () => {
    it("tells of a 413 with endpoint, size and setting, once a minute", async () => {
      const { hooks, clock, warnings, send } = warned({ maxBodyBytes: 1000 });
      const large = () => push(runtime, { body: "x".repeat(1500), now: clock() });
      assert.equal(await send(large(), { "content-length": "1500" }), 413);
      const [{ message, ...facts }] = warnings;
      assert.deepEqual(facts, { code: "too_large", endpoint: "github", size: 1500, setting: "maxBodyBytes", limit: 1000, untold: 0 });
      assert.match(message, /^endpoint "github" answered 413 to a body of 1500 bytes: its maxBodyBytes is 1000/);
      for (let count = 0; count < 3; count++) assert.equal(await send(large()), 413);
      assert.equal(warnings.length, 1);
      clock.advanceMs(60_000);
      await send(large());
      assert.deepEqual([warnings.length, warnings[1].untold], [2, 3]);
      assert.match(warnings[1].message, /and 3 more since the last warning/);
      await hooks.close();
    });

    it("tells of refused requests that are only counted, with the settings that bound them", async () => {
      const { hooks, clock, warnings, send } = warned({ invalidPerHour: 1 });
      for (let count = 0; count < 3; count++) assert.equal(await send(push(runtime, { secret: "wrong", now: clock() })), 401);
      assert.deepEqual(
        warnings.map(({ code, endpoint, setting }) => [code, endpoint, setting]),
        [["limited", "github", "invalidPerHour, maxRefused, maxRefusedBytes"]],
      );
      await hooks.close();
    });

    it("ends nothing where the function throws or rejects", async () => {
      for (const fail of [
        () => {
          throw new Error("no log");
        },
        async () => {
          throw new Error("no log");
        },
      ]) {
        const { hooks, endpoint, errors } = github(runtime, { onWarning: fail }, { maxBodyBytes: 10 });
        const response = await endpoint.fetch(new Request("http://app.test/github", { method: "POST", body: "x".repeat(20) }));
        assert.equal(response.status, 413);
        await null;
        assert.deepEqual(
          errors.map(({ error }) => error.message),
          ["no log"],
        );
        await hooks.close();
      }
    });
  });
}
