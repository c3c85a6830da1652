import assert from "node:assert/strict";

import { collect, failure, file, github, push, SECRET } from "./workplace.js";

/** What the public functions refuse, and how: with a KnockerError that names the function and the argument. */
export default function refusals(runtime) {
  const { describe, it, knocker, testing } = runtime;

  const REQUEST = { headers: {}, body: "" };
  const nonsense = new Date("nonsense");

  /** Calls, and what their UsageError says. */
  const CALLS = {
    "open(path)": [
      [() => runtime.open(undefined), /path is undefined.*environment variable may be unset/],
      [() => runtime.open(null), /path is null.*environment variable may be unset/],
      [() => runtime.open(""), /path is "".*environment variable may be unset/],
      [() => runtime.open(" "), /path is " "/],
      [() => runtime.open(new URL("file:///tmp/app.db")), /path is .*must name a file/],
      [() => runtime.open("file:app.db"), /is a URL/],
      [() => runtime.open(file(), { busyTimeout: 5 }), /unknown key "busyTimeout"; did you mean "busyTimeoutMs"\?/],
      [() => runtime.open(file(), { busyTimeoutMs: "5" }), /busyTimeoutMs must be a number, 0 or more, not "5"/],
      [() => runtime.open(file(), { now: 5 }), /now must be a function, not 5/],
      [() => runtime.open(file(), { now: () => nonsense }), /what now\(\) returns must be Unix milliseconds/],
      [() => runtime.open(file(), { onError: "log" }), /onError must be a function/],
      [() => runtime.open(file(), { trustProxy: "yes" }), /trustProxy must be true or false, not "yes"/],
      [() => runtime.open(file(), { publicUrl: 5 }), /publicUrl must be a URL.*not 5/],
      [() => runtime.open(file(), { publicUrl: "" }), /publicUrl must be a URL.*not ""/],
      [() => runtime.open(file(), { publicUrl: "shop.example" }), /publicUrl must be a URL with its scheme.*not "shop.example"/],
      [() => knocker.open(file(), null), /options must be an object, not null|takes an object/],
    ],
    "endpoint(name, options)": [
      [({ hooks }) => hooks.endpoint(undefined), /name must be a text, not undefined/],
      [({ hooks }) => hooks.endpoint("shop", null), /endpoint "shop": takes an object.*not null/],
      [({ hooks }) => hooks.endpoint("shop", "stripe"), /endpoint "shop": takes an object.*not "stripe"/],
      [({ hooks }) => hooks.endpoint("shop", { publicUrl: 5 }), /publicUrl must be a URL/],
      [({ hooks }) => hooks.endpoint("shop", { backoff: 5 }), /backoff: takes an object with baseS, factor, capS, not 5/],
      [({ hooks }) => hooks.endpoint("shop", { backoff: { base: 5 } }), /unknown key "base"; did you mean "baseS"/],
      [({ hooks }) => hooks.endpoint("shop", { maxAttempts: NaN }), /maxAttempts is NaN/],
      [({ hooks }) => hooks.endpoint("shop", { secrets: 5 }), /secrets must be a text or an array of texts, not a number/],
      [({ hooks }) => hooks.endpoint("shop", { secrets: new Set(["a"]) }), /not Set/],
      [({ hooks }) => hooks.endpoint("shop", { secrets: [Buffer.from("a")] }), /each secret must be a text, not Buffer/],
    ],
    "on(type, handler)": [
      [({ endpoint }) => endpoint.on("a*", () => {}), /on\("a\*", handler\): only `\*` alone/],
      [({ endpoint }) => endpoint.on("*.created", () => {}), /only `\*` alone/],
      [({ endpoint }) => endpoint.on(undefined, () => {}), /pattern/],
    ],
    "receive(request)": [
      [({ endpoint }) => endpoint.receive(), /receive: takes a request/],
      [({ endpoint }) => endpoint.receive({}), /headers must be/],
      [({ endpoint }) => endpoint.receiveSync({ headers: "a" }), /receiveSync: .*headers must be/],
      [({ endpoint }) => endpoint.verify(), /verify: takes a request/],
      [({ endpoint }) => endpoint.ingest(), /ingest: takes an object/],
      [({ endpoint }) => endpoint.ingest({ valid: true, headers: 5 }, ""), /ingest: headers must be/],
    ],
    lists: [
      [({ hooks }) => hooks.events(null), /events: takes an object/],
      [({ hooks }) => hooks.events({ statsu: "dead" }), /events: unknown key "statsu"; did you mean "status"\?/],
      [({ hooks }) => hooks.events({ status: "bogus" }), /status must be one of received, .*not "bogus"/],
      [({ hooks }) => hooks.events({ status: ["dead", "bogus"] }), /status must be/],
      [({ hooks }) => hooks.events({ since: nonsense }), /since must be a Date or Unix milliseconds, not Invalid Date/],
      [({ hooks }) => hooks.events({ until: "2020-01-01" }), /until must be a Date or Unix milliseconds, not "2020-01-01"/],
      [({ hooks }) => hooks.events({ since: null }), /since must be/],
      [({ hooks }) => hooks.events({ limit: "x" }), /limit must be/],
      [({ hooks }) => hooks.events({ limit: -1 }), /limit must be/],
      [({ hooks }) => hooks.events({ limit: 1.5 }), /limit must be/],
      [({ hooks }) => hooks.deliveries({ after: NaN }), /after must be/],
      [({ hooks }) => hooks.deliveries({ outcome: "handled" }), /outcome must be/],
      [({ hooks }) => hooks.attempts({ eventId: "1" }), /eventId must be a whole number, not "1"/],
      [({ hooks }) => hooks.storedEndpoints({ status: "dead" }), /unknown key "status"/],
      [({ hooks }) => hooks.eventDeliveries(), /eventDeliveries: takes an object/],
    ],
    "actions and tidying": [
      [({ hooks }) => hooks.replay(), /replay: eventId must be a whole number, not undefined/],
      [({ hooks }) => hooks.requeue("1"), /not "1"/],
      [({ hooks }) => hooks.ignore(1, 5), /reason must be a text/],
      [({ hooks }) => hooks.replayDelivery(1.5), /deliveryId must be/],
      [({ hooks }) => hooks.event("1"), /event: id must be/],
      [({ hooks }) => hooks.delivery({}), /delivery: id must be/],
      [({ hooks }) => hooks.requeueWhere(), /requeueWhere: takes an object/],
      [({ hooks }) => hooks.ignoreWhere({ status: "dead", until: NaN }), /ignoreWhere: until must be .*not NaN/],
      [({ hooks }) => hooks.requeueWhere({ status: "dead", since: nonsense }), /requeueWhere: since must be/],
      [({ hooks }) => hooks.replayWhere({ status: "dead", dryrun: true }), /unknown key "dryrun"; did you mean "dryRun"/],
      [({ hooks }) => hooks.pruneEvents(), /pruneEvents: takes an object/],
      [({ hooks }) => hooks.pruneEvents({ olderThanS: NaN, before: new Date(0) }), /olderThanS must be/],
      [({ hooks }) => hooks.pruneDeliveries({ before: nonsense }), /before must be/],
      [({ hooks }) => hooks.retention(), /retention: takes an object/],
      [({ hooks }) => hooks.retention({ handledS: NaN }), /handledS must be/],
      [({ hooks }) => hooks.call("knocker_version(), (select 1) --"), /call: name must be/],
      [({ hooks }) => hooks.call("knocker_replay", {}), /parameter 1 must be/],
      [({ hooks }) => hooks.query(5), /sql must be a text/],
      [({ hooks }) => hooks.query("SELECT ?", undefined), /parameter 1 must be null, a number, a text or bytes, not undefined/],
    ],
    "work(options)": [
      [({ hooks }) => hooks.work(null), /work\(options\): takes an object/],
      [({ hooks }) => hooks.work({ concurency: 2 }), /unknown key "concurency"; did you mean "concurrency"\?/],
      [({ hooks }) => hooks.work({ signal: 5 }), /signal must be an AbortSignal/],
      [({ hooks }) => hooks.work({ onError: 5 }), /onError must be a function/],
    ],
    "the testing module": [
      [() => testing.frozenClock(nonsense), /the time must be/],
      [() => testing.frozenClock().advanceMs("soon"), /the time must be/],
      [() => testing.drain({}), /drain\(hooks\)/],
      [() => testing.sign("github", "", undefined), /sign: secret must be a text/],
      [() => testing.sign("github", "", SECRET, { heders: {} }), /unknown key "heders"; did you mean "headers"/],
    ],
  };

  describe("arguments that cannot be meant", () => {
    for (const [where, calls] of Object.entries(CALLS)) {
      it(`are refused: ${where}`, async () => {
        const made = github(runtime);
        for (const [call, message] of calls) {
          const error = await failure(() => call(made));
          assert.ok(error instanceof knocker.UsageError, `${call}: ${error.stack}`);
          assert.match(error.message, message);
          assert.ok(error.hint.length > 0);
        }
        await made.hooks.close();
      });
    }

    it("leave nothing running", async () => {
      const { hooks } = github(runtime);
      assert.ok((await failure(() => hooks.work({ signal: {} }))) instanceof knocker.UsageError);
      // A worker that was made half would be waited for here.
      await hooks.close();
    });

    it("change nothing: a filter with an invalid date acts on no event", async () => {
      const { hooks, endpoint } = github(runtime);
      await endpoint.receive(push(runtime));
      await failure(() => hooks.ignoreWhere({ status: "received", until: nonsense }));
      assert.equal((await hooks.stats()).events.received, 1);
      await hooks.close();
    });
  });

  describe("a body that is no body", () => {
    it("is named: a parsed one with the cure, anything else with what is needed", async () => {
      const { hooks, endpoint } = github(runtime);
      for (const parsed of [{ a: 1 }, [1], Object.create(null)]) {
        for (const call of [() => endpoint.receive({ ...REQUEST, body: parsed }), () => endpoint.ingest({ valid: true }, parsed)]) {
          const error = await failure(call);
          assert.ok(error instanceof knocker.BodyConsumedError, String(error));
          assert.match(error.hint, /express\.raw/);
        }
      }
      for (const other of [5, new Blob(["a"]), new ReadableStream(), () => {}]) {
        const error = await failure(endpoint.receive({ ...REQUEST, body: other }));
        assert.ok(error instanceof knocker.InvalidArgumentError, String(error));
        assert.match(error.message, /receive: body must be bytes or a text, not .*arrayBuffer/);
      }
      assert.deepEqual(await collect(hooks.deliveries()), []);
      await hooks.close();
    });

    it("may be any view of bytes, also for sign", async () => {
      const { hooks, endpoint } = github(runtime);
      const { buffer } = Uint8Array.from(Buffer.from("  {}  "));
      const signed = push(runtime, { body: buffer.slice(2, 4) });
      assert.equal((await endpoint.receive({ ...signed, body: new DataView(buffer, 2, 2) })).outcome, "accepted");
      await hooks.close();
    });

    it("and what cannot be JSON are refused as such", async () => {
      const { hooks } = github(runtime);
      const circle = {};
      circle.circle = circle;
      for (const options of [circle, { tolerance_s: 5n }]) {
        const error = await failure(() => hooks.endpoint("shop", { provider: "github", secrets: "test-secret", options }));
        assert.ok(error instanceof knocker.InvalidArgumentError, String(error));
      }
      await hooks.close();
    });
  });

  describe("an onError that fails", () => {
    it("ends nothing, be it at once or later", async () => {
      const rejections = [];
      const note = (reason) => rejections.push(reason);
      process.on("unhandledRejection", note);
      const quiet = console.error;
      console.error = () => {};
      const fail = () => {
        throw new Error("a logger that fails");
      };
      for (const onError of [fail, async () => fail()]) {
        const { hooks, endpoint } = github(runtime, { onError });
        assert.equal((await endpoint.fetch(undefined)).status, 500);
        await new Promise((resolve) => setImmediate(resolve));
        await hooks.close();
      }
      console.error = quiet;
      process.off("unhandledRejection", note);
      assert.deepEqual(rejections, []);
    });
  });

  describe("statements", () => {
    it("of queries that are made anew each time are not kept for ever", async () => {
      const { hooks } = github(runtime);
      const internals = Object.getOwnPropertySymbols(knocker.Hooks.prototype).find(
        ({ description }) => description === "knocker internals",
      );
      const { connection } = hooks[internals].inbox;
      for (let count = 0; count < 1000; count++) hooks.query(`SELECT ${count} AS n`);
      assert.ok(connection.keptStatements <= 200, `${connection.keptStatements} are kept`);
      assert.equal(hooks.query("SELECT 7 AS n")[0].n, 7);
      await hooks.close();
    });
  });
}
