import assert from "node:assert/strict";

import { collect, deferred, failure, github, push, until } from "./workplace.js";

/** Operators: lists, single rows, actions, tidying. */
export default function operate(runtime) {
  const { describe, it, knocker, testing } = runtime;
  const START = Date.UTC(2026, 0, 1);

  /** Events 1 to 3: handled, dead and received, a minute apart; and a refused delivery. */
  async function history() {
    const clock = testing.frozenClock(START);
    const made = github(runtime, { now: clock });
    made.endpoint
      .on("push", () => {})
      .on("bad.*", () => {
        throw new knocker.Dead("hopeless");
      });
    await made.endpoint.receive(push(runtime, { id: "one" }));
    clock.advanceMs(60_000);
    await made.endpoint.receive(push(runtime, { id: "two", type: "bad.thing" }));
    await testing.drain(made.hooks);
    clock.advanceMs(60_000);
    await made.endpoint.receive(push(runtime, { id: "three" }));
    await made.endpoint.receive(push(runtime, { secret: "wrong-test-secret" }));
    return { ...made, clock };
  }

  describe("lists", () => {
    it("by a time page as they do without", async () => {
      const clock = testing.frozenClock(START);
      const { hooks, endpoint } = github(runtime, { now: clock });
      // A second each, but for two, when the clock was wrong.
      const times = Array.from({ length: 130 }, (_, at) => ({ 6: 90, 99: 3 })[at] ?? at + 1);
      let now = 0;
      for (const [at, second] of times.entries()) {
        clock.advanceMs((second - now) * 1000);
        now = second;
        await endpoint.receive(push(runtime, { id: `at-${at}` }));
      }
      const moments = [undefined, ...[0, 3, 50, 91, 131].map((second) => START + second * 1000)];
      for (const since of moments) {
        for (const until of moments) {
          for (const after of [undefined, 7, 60]) {
            for (const newestFirst of [false, true]) {
              const met = times.flatMap((second, at) => {
                const [id, received] = [at + 1, START + second * 1000];
                const isBeyond = after === undefined || (newestFirst ? id < after : id > after);
                return isBeyond && (since === undefined || received >= since) && (until === undefined || received < until) ? [id] : [];
              });
              const listed = await collect(hooks.events({ since, until, after, newestFirst }));
              const ids = listed.map(({ id }) => id);
              assert.deepEqual(ids, newestFirst ? met.reverse() : met, JSON.stringify({ since, until, after, newestFirst }));
            }
          }
        }
      }
      await hooks.close();
    });

    it("give typed rows by status, endpoint, type and time", async () => {
      const { hooks } = await history();
      const ids = async (filter) => (await collect(hooks.events(filter))).map(({ id }) => id);
      assert.deepEqual(await ids(), [1, 2, 3]);
      assert.deepEqual(await ids({ newestFirst: true }), [3, 2, 1]);
      assert.deepEqual(await ids({ status: "dead" }), [2]);
      assert.deepEqual(await ids({ status: ["dead", "handled"] }), [1, 2]);
      assert.deepEqual(await ids({ type: "bad.*" }), [2]);
      assert.deepEqual(await ids({ type: "push", endpoint: "github" }), [1, 3]);
      assert.deepEqual(await ids({ endpoint: "nobody" }), []);
      assert.deepEqual(await ids({ since: new Date(START + 60_000), until: START + 120_000 }), [2]);
      assert.deepEqual(await ids({ since: START + 59_999.5, until: START + 60_000.5 }), [2]);
      assert.deepEqual(await ids({ after: 1, limit: 1 }), [2]);
      const [first] = await collect(hooks.events({ limit: 1 }));
      assert.deepEqual(first, {
        id: 1,
        endpoint: "github",
        type: "push",
        key: "one",
        status: "handled",
        attempts: 1,
        maxAttempts: 10,
        reason: null,
        deliveryId: 1,
        deliveries: 1,
        receivedAt: new Date(START),
        lastDeliveryAt: new Date(START),
        nextAttemptAt: null,
        endedAt: new Date(START + 60_000),
      });
      await hooks.close();
    });

    it("of deliveries, attempts and endpoints", async () => {
      const { hooks } = await history();
      const refused = await collect(hooks.deliveries({ outcome: "invalid" }));
      assert.deepEqual(
        [refused.length, refused[0].reason, refused[0].eventId, refused[0].headers["x-github-event"]],
        [1, "bad_signature", null, "push"],
      );
      assert.deepEqual(
        (await collect(hooks.deliveries({ eventId: 2 }))).map(({ id }) => id),
        [2],
      );
      const [attempt] = await collect(hooks.attempts({ eventId: 2 }));
      assert.deepEqual([attempt.result, attempt.error, attempt.finishedAt], ["dead", "hopeless", new Date(START + 60_000)]);
      assert.deepEqual(
        (await collect(hooks.attempts({ result: "handled" }))).map(({ eventId }) => eventId),
        [1],
      );
      assert.deepEqual([...hooks.endpoints.keys()], ["github"]);
      const [endpoint] = await collect(hooks.storedEndpoints());
      assert.deepEqual([endpoint.name, endpoint.provider, endpoint.enabled, endpoint.maxAttempts], ["github", "github", true, 10]);
      assert.deepEqual(endpoint.backoff, { baseS: 5, factor: 4, capS: 21600 });
      await hooks.close();
    });

    it("of the deliveries of an event, and the other way round", async () => {
      const { hooks } = github(runtime);
      const hubspot = hooks.endpoint("hubspot", { provider: "hubspot", secrets: "test-secret" });
      const batch = [1, 2].map((eventId) => ({ eventId, subscriptionType: "contact.creation", occurredAt: 1 }));
      const signed = testing.sign("hubspot", batch, "test-secret", { url: "https://shop.example/hubspot" });
      const first = await hubspot.receive(signed);
      assert.equal(first.events.length, 2, first.detail);
      const second = await hubspot.receive(signed);
      for (const { id: eventId } of first.events) {
        assert.deepEqual(
          (await collect(hooks.deliveries({ eventId }))).map(({ id }) => id),
          [first.deliveryId, second.deliveryId],
        );
        assert.deepEqual(await hooks.eventDeliveries({ eventId }), [
          { eventId, deliveryId: first.deliveryId, duplicate: false },
          { eventId, deliveryId: second.deliveryId, duplicate: true },
        ]);
      }
      const ofFirst = await hooks.eventDeliveries({ deliveryId: first.deliveryId });
      assert.deepEqual(
        ofFirst.map(({ eventId }) => eventId),
        first.events.map(({ id }) => id),
      );
      assert.ok((await failure(hooks.eventDeliveries({}))) instanceof knocker.UsageError);
      await hooks.close();
    });

    it("are lazy and page by id: what is appended meanwhile is seen, and breaking off is free", async () => {
      const { hooks, endpoint } = github(runtime);
      await Promise.all(Array.from({ length: 150 }, () => endpoint.receive(push(runtime))));
      const seen = [];
      for await (const { id } of hooks.events()) {
        seen.push(id);
        if (id === 50) await endpoint.receive(push(runtime));
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 151 }, (_, index) => index + 1),
      );
      for await (const { id } of hooks.deliveries({ newestFirst: true })) {
        assert.equal(id, 151);
        break;
      }
      await hooks.close();
    });

    it("leave out the bodies, which single rows have", async () => {
      const { hooks } = await history();
      assert.ok(!("body" in (await collect(hooks.deliveries()))[0]));
      assert.equal(new TextDecoder().decode((await hooks.event(1)).body), '{"ref":"main"}');
      assert.equal(new TextDecoder().decode((await hooks.delivery(1)).body), '{"ref":"main"}');
      assert.deepEqual([await hooks.event(99), await hooks.delivery(99)], [undefined, undefined]);
      await hooks.close();
    });
  });

  describe("actions", () => {
    it("replay, requeue and ignore by the rules of the state machine", async () => {
      const { hooks } = await history();
      assert.deepEqual(await hooks.replay(1), { eventId: 1, status: "received", changed: true });
      assert.deepEqual(await hooks.requeue(2), { eventId: 2, status: "received", changed: true });
      assert.deepEqual(await hooks.ignore(3, "a test"), { eventId: 3, status: "ignored", changed: true });
      assert.deepEqual(await hooks.ignore(3), { eventId: 3, status: "ignored", changed: false });
      assert.equal((await testing.drain(hooks)).handled, 1);
      const error = await failure(hooks.requeue(1));
      assert.ok(error instanceof knocker.BadStateError);
      assert.match(error.hint, /replay/);
      assert.ok((await failure(hooks.replay(99))) instanceof knocker.UnknownEventError);
      await hooks.close();
    });

    it("take an event from its worker only by saying so", async () => {
      const { hooks, endpoint, errors } = github(runtime);
      for (const [action, status] of [
        [(id, options) => hooks.replay(id, options), "received"],
        [(id, options) => hooks.requeue(id, options), "received"],
        [(id, options) => hooks.ignore(id, "stuck", options), "ignored"],
        [async (id, options) => (await hooks.replayDelivery(id, options), { status: "received" }), "received"],
      ]) {
        const { eventId } = await endpoint.receive(push(runtime));
        await hooks.call("knocker_claim", "elsewhere", 100, 3600);
        assert.ok((await failure(action(eventId))) instanceof knocker.BadStateError);
        assert.ok((await failure(action(eventId, { force: "yes" }))) instanceof knocker.UsageError);
        assert.equal((await action(eventId, { force: true })).status, status);
      }
      const { eventId } = await endpoint.receive(push(runtime));
      await hooks.call("knocker_claim", "elsewhere", 100, 3600);
      assert.ok((await failure(hooks.ignoreWhere({ status: "processing" }))) instanceof knocker.KnockerError);
      assert.ok((await hooks.ignoreWhere({ status: "processing", force: true })).changed > 0);
      assert.equal((await hooks.event(eventId)).status, "ignored");
      assert.deepEqual(errors, []);
      await hooks.close();
    });

    it("take one from a worker of this process, whose handler finds its lease lost and leaves nothing behind", async () => {
      const { hooks, endpoint, errors } = github(runtime);
      const [entered, goOn] = [deferred(), deferred()];
      endpoint.on("push", async (event, tx) => {
        entered.resolve();
        await goOn.promise;
        tx.exec("CREATE TABLE orders (event INTEGER)");
      });
      const { eventId } = await endpoint.receive(push(runtime));
      const worker = hooks.work();
      await entered.promise;
      assert.equal((await hooks.ignore(eventId, "stuck", { force: true })).status, "ignored");
      goOn.resolve();
      await until(() => errors.length > 0, "the lost lease");
      await worker.stop();
      assert.ok(errors[0].error instanceof knocker.LeaseLostError);
      assert.equal(hooks.query("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'orders'")[0].n, 0);
      assert.equal((await hooks.event(eventId)).status, "ignored");
      await hooks.close();
    });

    it("replay a delivery with its own body", async () => {
      const { hooks, endpoint } = await history();
      const bodies = [];
      endpoint.on("push", (event) => void bodies.push(event.json().ref));
      const again = await endpoint.receive(push(runtime, { id: "one", body: { ref: "again" } }));
      assert.deepEqual(await hooks.replayDelivery(again.deliveryId), { deliveryId: again.deliveryId, eventIds: [1] });
      await hooks.ignore(3);
      await testing.drain(hooks);
      assert.deepEqual(bodies, ["again"]);
      assert.ok((await failure(hooks.replayDelivery(99))) instanceof knocker.UnknownDeliveryError);
      await hooks.close();
    });

    it("in bulk, first as a dry run", async () => {
      const { hooks } = await history();
      assert.deepEqual(await hooks.requeueWhere({ status: "dead", dryRun: true }), { matched: 1, changed: 0, more: false, dryRun: true });
      assert.deepEqual(await hooks.requeueWhere({ type: "bad.*", until: new Date(START + 61_000) }), {
        matched: 1,
        changed: 1,
        more: false,
        dryRun: false,
      });
      assert.equal((await hooks.replayWhere({ endpoint: "github", status: "handled" })).changed, 1);
      assert.equal((await hooks.ignoreWhere({ status: ["received"] })).changed, 3);
      assert.equal((await failure(hooks.ignoreWhere({}))).code, "invalid_argument");
      assert.match((await failure(hooks.ignoreWhere({ statuss: "dead" }))).message, /status/);
      await hooks.close();
    });

    it("wake the worker of the same process", async () => {
      const { hooks, endpoint } = github(runtime);
      let resolve;
      endpoint.on("push", () => resolve());
      const once = () => new Promise((settle) => (resolve = settle));
      const working = hooks.work();
      let handled = once();
      const { eventId } = await endpoint.receive(push(runtime));
      await handled;
      await working.stop();
      const again = hooks.work();
      handled = once();
      await hooks.replay(eventId);
      await handled;
      await again.stop();
      await hooks.close();
    });
  });

  describe("tidying", () => {
    it("prunes ended events and needless deliveries, and keeps a record", async () => {
      const { hooks, clock } = await history();
      clock.advanceMs(86_400_000);
      const dry = await hooks.pruneEvents({ olderThanS: 3600, dryRun: true });
      assert.deepEqual([dry.events, dry.pruneId, dry.dryRun], [1, null, true]);
      const real = await hooks.pruneEvents({ olderThanS: 3600, status: ["handled", "dead"] });
      assert.deepEqual([real.events, real.attempts, real.more], [2, 2, false]);
      assert.equal((await hooks.pruneDeliveries({ before: new Date(clock()), outcome: "invalid" })).deliveries, 1);
      const records = await collect(hooks.prunes());
      assert.deepEqual(
        records.map(({ kind, events, deliveries }) => [kind, events, deliveries]),
        [
          ["events", 2, 2],
          ["deliveries", 0, 1],
        ],
      );
      assert.deepEqual(records[0].prunedAt, new Date(clock()));
      await hooks.close();
    });

    it("stores a retention policy and runs the pass that is due", async () => {
      const { hooks, clock } = await history();
      const policy = await hooks.retention({ handledS: 3600, deliveriesS: 7200, intervalS: 60 });
      assert.deepEqual([policy.handledS, policy.deliveriesS, policy.deadS], [3600, 7200, null]);
      const [stored] = await collect(hooks.policies());
      assert.deepEqual([stored.endpoint, stored.policy.handledS], [null, 3600]);
      clock.advanceMs(86_400_000);
      const pass = await hooks.retain();
      assert.deepEqual([pass.ran, pass.events], [true, 1]);
      assert.equal((await hooks.retain()).ran, false);
      await hooks.close();
    });

    it("is done by workers, where a policy says so", async () => {
      const { hooks, clock } = await history();
      await hooks.retention({ handledS: 3600 });
      clock.advanceMs(86_400_000);
      const working = hooks.work();
      await until(async () => (await hooks.event(1)) === undefined, "the pass");
      await working.stop();
      await hooks.close();
    });

    it("counts", async () => {
      const { hooks } = await history();
      const stats = await hooks.stats();
      assert.deepEqual(stats.events, { received: 1, processing: 0, failed: 0, handled: 1, dead: 1, ignored: 0 });
      assert.deepEqual([stats.lastHour.receipts, stats.lastHour.refused], [4, 1]);
      assert.equal(stats.endpoints[0].endpoint, "github");
      assert.ok(stats.databaseBytes > 0);
      await hooks.close();
    });

    it("leaves SQL to those who want it", async () => {
      const { hooks } = await history();
      assert.match(await hooks.call("knocker_version"), /^\d/);
      assert.deepEqual({ ...hooks.query("SELECT count(*) AS n FROM knocker_events WHERE status = ?", "dead")[0] }, { n: 1 });
      const error = await failure(() => hooks.query("SELECT nothing FROM knocker_events"));
      assert.ok(error instanceof knocker.SqliteError);
      await hooks.close();
    });
  });
}
