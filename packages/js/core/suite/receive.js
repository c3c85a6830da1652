import assert from "node:assert/strict";

import { SECRET, failure, github, internals, push, rows, value } from "./workplace.js";

/** Receiving: group commit, and what each caller gets. */
export default function receive(runtime) {
  const { describe, it, knocker, openRaw } = runtime;

  describe("receiving", () => {
    it("stores a signed request, a duplicate and a forgery", async () => {
      const { hooks, endpoint } = github(runtime);
      const request = push(runtime, { id: "one" });
      const first = await endpoint.receive(request);
      assert.deepEqual([first.outcome, first.response.status, first.events], ["accepted", 200, [{ id: 1, duplicate: false }]]);
      const second = await endpoint.receive(request);
      assert.deepEqual([second.outcome, second.eventId, second.response.status], ["duplicate", 1, 200]);
      const forged = await endpoint.receive({ ...request, body: '{"ref":"evil"}' });
      assert.deepEqual([forged.outcome, forged.reason, forged.eventId, forged.response.status], ["invalid", "bad_signature", null, 401]);
      assert.equal(hooks.query("SELECT count(*) AS n FROM knocker_deliveries")[0].n, 3);
      await hooks.close();
    });

    it("answers after the commit: another connection sees the event at once", async () => {
      const { hooks, endpoint, path } = github(runtime);
      const other = openRaw(path);
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const { eventId } = await endpoint.receive(push(runtime));
          assert.equal(value(other, "SELECT status FROM knocker_events WHERE id = ?", eventId), "received");
        }),
      );
      other.close();
      await hooks.close();
    });

    it("shares one transaction among what arrives together", async () => {
      const { hooks, endpoint } = github(runtime);
      const frames = () => hooks.query("PRAGMA wal_checkpoint(PASSIVE)")[0].log;
      const requests = Array.from({ length: 64 }, () => push(runtime));
      const before = frames();
      await Promise.all(requests.map((request) => endpoint.receive(request)));
      const together = frames() - before;
      // A commit of its own for each would write at least delivery, event, job, counter and schema pages 64 times.
      assert.ok(together < 64, `${together} pages were written for 64 receives`);
      await hooks.close();
    });

    it("gives each caller of a group its own error", async () => {
      const { hooks, endpoint } = github(runtime);
      const stranger = hooks.endpoint("nobody", { provider: "github", secrets: SECRET });
      hooks.query("DELETE FROM _knocker_endpoints WHERE name = 'nobody' RETURNING id");
      const [good, bad, alsoGood] = await Promise.allSettled([
        endpoint.receive(push(runtime)),
        stranger.receive(push(runtime)),
        endpoint.receive(push(runtime)),
      ]);
      assert.deepEqual([good.status, alsoGood.status], ["fulfilled", "fulfilled"]);
      assert.ok(bad.reason instanceof knocker.UnknownEndpointError);
      assert.match(bad.reason.message, /nobody/);
      assert.equal(hooks.query("SELECT count(*) AS n FROM knocker_events")[0].n, 2);
      await hooks.close();
    });

    it("answers the rest of a committed group where the reader of one result throws", async () => {
      const { hooks, endpoint } = github(runtime);
      const unreadable = internals(hooks).inbox.writer.submit("SELECT knocker_retain(?) AS result", [null], () => {
        throw new Error("not what was expected");
      });
      const [first, second] = await Promise.allSettled([unreadable, endpoint.receive(push(runtime))]);
      assert.equal(first.reason.message, "not what was expected");
      assert.equal(second.value.outcome, "accepted");
      await hooks.close();
    });

    it("waits for another connection's transaction without holding up the event loop", async () => {
      const { hooks, endpoint, path } = github(runtime);
      const other = openRaw(path);
      other.exec("BEGIN IMMEDIATE");
      const receipt = endpoint.receive(push(runtime));
      // The loop goes on turning, far beyond the first try: that is what lets the other transaction come to its end.
      for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
      other.exec("COMMIT");
      assert.equal((await receipt).outcome, "accepted");
      other.close();
      await hooks.close();
    });

    it("is busy, retryable and without a trace when the wait is over", async () => {
      const { hooks, endpoint, path } = github(runtime, { busyTimeoutMs: 20 });
      const other = openRaw(path);
      other.exec("BEGIN IMMEDIATE");
      const error = await failure(endpoint.receive(push(runtime)));
      assert.ok(error instanceof knocker.BusyError && error instanceof knocker.DatabaseError);
      assert.deepEqual([error.code, error.retryable], ["busy", true]);
      assert.ok((await failure(() => endpoint.receiveSync(push(runtime)))) instanceof knocker.BusyError);
      other.exec("ROLLBACK");
      assert.equal(value(other, "SELECT count(*) FROM knocker_deliveries"), 0);
      other.close();
      await hooks.close();
    });

    it("keeps what stood before it in the group when the disk is full for one", async () => {
      const { hooks, endpoint } = github(runtime, { synchronous: "normal" }, { maxBodyBytes: 50_000_000 });
      const { page_count: pages } = hooks.query("PRAGMA page_count")[0];
      hooks.query(`PRAGMA max_page_count = ${pages + 60}`);
      const big = push(runtime, { body: "x".repeat(2_000_000) });
      const settled = await Promise.allSettled([endpoint.receive(push(runtime)), endpoint.receive(big)]);
      assert.ok(settled[1].reason instanceof knocker.DiskFullError);
      assert.equal(settled[1].reason.retryable, true);
      // Whatever SQLite did to the transaction: who was told "stored" is stored, and who was not is not.
      const stored = hooks.query("SELECT count(*) AS n FROM knocker_deliveries")[0].n;
      assert.equal(stored, settled[0].status === "fulfilled" ? 1 : 0);
      assert.equal((await endpoint.receive(push(runtime))).outcome, "accepted");
      await hooks.close();
    });

    it("receives at once for scripts", async () => {
      const { hooks, endpoint } = github(runtime);
      const request = push(runtime);
      assert.equal(endpoint.receiveSync(request).outcome, "accepted");
      assert.equal(endpoint.receiveSync(request).outcome, "duplicate");
      await hooks.close();
    });

    it("ingests what the caller has verified", async () => {
      const { hooks } = github(runtime);
      const inbound = hooks.endpoint("inbound", {});
      const fields = {
        valid: true,
        type: "mail.received",
        providerEventId: "m-1",
        headers: [
          ["X-Mail", "a"],
          ["X-Mail", "b"],
        ],
      };
      const first = await inbound.ingest(fields, "hello");
      const second = await inbound.ingest(fields, "hello");
      assert.deepEqual([first.outcome, second.outcome, second.eventId], ["accepted", "duplicate", first.eventId]);
      const refused = await inbound.ingest({ valid: false, reason: "not_allowed", detail: "unknown sender" }, "hello");
      assert.deepEqual([refused.outcome, refused.reason, refused.detail], ["invalid", "not_allowed", "unknown sender"]);
      assert.deepEqual((await hooks.delivery(first.deliveryId)).headers, { "x-mail": ["a", "b"] });
      const error = await failure(inbound.ingest({ valid: true, sort: "mail" }, ""));
      assert.ok(error instanceof knocker.UsageError);
      assert.match(error.message, /ingest: unknown key "sort"/);
      await hooks.close();
    });

    it("takes the body byte for byte, as bytes, buffer or text", async () => {
      const { hooks, endpoint } = github(runtime);
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      const { deliveryId } = await endpoint.receive(push(runtime, { body: bytes }));
      assert.deepEqual(Uint8Array.from((await hooks.delivery(deliveryId)).body), bytes);
      const asBuffer = { ...push(runtime, { body: bytes }), body: bytes.buffer };
      assert.equal((await endpoint.receive(asBuffer)).outcome, "accepted");
      assert.equal((await endpoint.receive(push(runtime, { body: "Grüße\r\n" }))).outcome, "accepted");
      assert.equal((await endpoint.receive(push(runtime, { body: "" }))).outcome, "accepted");
      await hooks.close();
    });
  });

  describe("secrets", () => {
    it("are a list, so that they can be rotated, and empty ones are none", async () => {
      const { hooks, endpoint } = github(runtime, {}, { secrets: [undefined, "", "old-test-secret", SECRET] });
      assert.equal((await endpoint.receive(push(runtime))).outcome, "accepted");
      assert.equal((await endpoint.receive(push(runtime, { secret: "old-test-secret" }))).outcome, "accepted");
      const bare = hooks.endpoint("bare", { provider: "github", secrets: () => undefined });
      assert.equal((await bare.receive(push(runtime))).reason, "no_secret");
      await hooks.close();
    });

    it("that are all unset are refused at once, not with each request", async () => {
      const { hooks } = github(runtime);
      for (const options of [{}, { secrets: [] }, ...[undefined, "", [undefined], ["", " "]].map((secrets) => ({ secrets }))]) {
        const error = await failure(() => hooks.endpoint("our-shop", { provider: "github", ...options }));
        assert.ok(error instanceof knocker.UsageError, JSON.stringify(options));
        assert.match(error.message, /endpoint "our-shop": .*secrets: \[process\.env\.OUR_SHOP_WEBHOOK_SECRET\]/);
      }
      assert.ok((await failure(() => hooks.endpoint("shop", { secrets: [undefined] }))) instanceof knocker.UsageError);
      assert.deepEqual(hooks.query("SELECT name FROM knocker_endpoints WHERE name LIKE '%shop'"), []);
      hooks.endpoint("shop", { secrets: [] });
      // Its first request brings the secret.
      hooks.endpoint("asana", { provider: "asana" });
      await hooks.close();
    });

    it("may be a function of the request", async () => {
      const secrets = async ({ url }) => (url.startsWith("/tenants/a") ? "test-secret-of-a" : undefined);
      const { hooks, endpoint } = github(runtime, {}, { secrets });
      assert.equal((await endpoint.receive(push(runtime, { secret: "test-secret-of-a", url: "/tenants/a/hook" }))).outcome, "accepted");
      assert.equal((await endpoint.receive(push(runtime, { secret: "test-secret-of-a", url: "/tenants/b/hook" }))).reason, "no_secret");
      assert.match((await failure(() => endpoint.receiveSync(push(runtime)))).message, /use receive/);
      await hooks.close();
    });

    it("given as a function see the same request whatever form it came in", async () => {
      const seen = [];
      const secrets = (request) => {
        seen.push(request);
        return request.headers["x-tenant"] === "a" ? SECRET : undefined;
      };
      const { hooks, endpoint } = github(runtime, {}, { secrets });
      const signed = push(runtime, { body: "{}", url: "/hook" });
      const pairs = [...Object.entries(signed.headers), ["X-Tenant", "a"], ["X-Note", "one"], ["X-NOTE", "two"]];
      const body = Buffer.from("{}");
      const buffer = body.buffer.slice(body.byteOffset, body.byteOffset + body.length);
      for (const request of [
        { ...signed, headers: pairs, body },
        { ...signed, headers: { ...signed.headers, "X-Tenant": "a", "x-note": ["one", "two"], "X-Nothing": undefined } },
        { ...signed, headers: new Set(pairs), body: buffer },
      ]) {
        seen.length = 0;
        assert.match((await endpoint.receive(request)).outcome, /accepted|duplicate/);
        assert.equal((await endpoint.verify(request)).valid, true);
        assert.equal(endpoint.receiveSync(request).outcome, "duplicate");
        assert.equal(seen.length, 3);
        for (const { method, url, headers, body: bytes } of seen) {
          assert.deepEqual([method, url, headers["x-note"], "x-nothing" in headers], ["POST", "/hook", ["one", "two"], false]);
          assert.ok(bytes instanceof Uint8Array);
          assert.equal(new TextDecoder().decode(bytes), "{}");
        }
      }
      assert.equal((await endpoint.receive(signed)).reason, "no_secret");
      await hooks.close();
    });

    it("never reach the file", async () => {
      const { hooks, endpoint, path } = github(runtime);
      await endpoint.receive(push(runtime));
      await hooks.close();
      const database = openRaw(path);
      const tables = rows(database, "SELECT name FROM sqlite_schema WHERE type = 'table'").map(({ name }) => name);
      const text = JSON.stringify(tables.map((name) => rows(database, `SELECT * FROM "${name}"`)));
      assert.ok(!text.includes(SECRET));
      database.close();
    });
  });

  describe("verifying", () => {
    it("gives the verdict with the endpoint's provider, options and secrets, and stores nothing", async () => {
      const { hooks, endpoint } = github(runtime);
      const request = push(runtime, { id: "one" });
      const good = await endpoint.verify(request);
      assert.deepEqual([good.valid, good.kind, good.items, good.response.status], [true, "delivery", [{ type: "push", key: "one" }], 200]);
      const forged = await endpoint.verify({ ...request, body: "forged" });
      assert.deepEqual([forged.valid, forged.reason, forged.items, forged.response.status], [false, "bad_signature", [], 401]);
      assert.equal(hooks.query("SELECT count(*) AS n FROM knocker_deliveries")[0].n, 0);
      const tenants = hooks.endpoint("tenants", { provider: "github", secrets: async () => SECRET });
      assert.equal((await tenants.verify(request)).valid, true);
      assert.match((await failure(hooks.endpoint("inbound", {}).verify(request))).message, /inbound.*no provider/);
      await hooks.close();
    });
  });

  describe("endpoints", () => {
    it("without settings must be in the file", async () => {
      const { hooks, path } = github(runtime);
      const other = runtime.open(path);
      assert.equal((await other.endpoint("github").ingest({ valid: true }, "")).outcome, "accepted");
      const error = await failure(() => other.endpoint("gihtub"));
      assert.ok(error instanceof knocker.UnknownEndpointError);
      assert.match(error.message, /"gihtub"/);
      await other.close();
      await hooks.close();
    });

    it("have the settings of their last registration, but keep what an operator switched off", async () => {
      const { hooks } = github(runtime);
      const stored = () => hooks.query("SELECT * FROM knocker_endpoints WHERE name = 'shop'")[0];
      hooks.endpoint("shop", {
        provider: "github",
        secrets: SECRET,
        maxAttempts: 3,
        backoff: { baseS: 1, factor: 2, capS: 9 },
        enabled: false,
      });
      assert.deepEqual([stored().max_attempts, stored().enabled], [3, 0]);
      assert.deepEqual(JSON.parse(stored().backoff), { base_s: 1, factor: 2, cap_s: 9 });
      hooks.endpoint("shop", { provider: "github", secrets: SECRET, backoff: { capS: 60 } });
      assert.deepEqual([stored().max_attempts, stored().enabled], [10, 0]);
      assert.deepEqual(
        JSON.parse(stored().backoff),
        { base_s: 5, factor: 4, cap_s: 60 },
        "of the backoff, too, what is left out has its default",
      );
      hooks.endpoint("shop", { provider: "github", secrets: SECRET, enabled: true, unhandled: "ignore" });
      assert.deepEqual([stored().enabled, stored().unhandled], [1, "ignore"]);
      await hooks.close();
    });

    it("refuse settings that do not exist, with the nearest that does", async () => {
      const { hooks } = github(runtime);
      const error = await failure(() => hooks.endpoint("shop", { provider: "github", maxAttempt: 3 }));
      assert.match(error.message, /endpoint "shop": unknown key "maxAttempt"; did you mean "maxAttempts"\?/);
      assert.ok((await failure(() => hooks.endpoint("shop", { provider: "gihtub" }))) instanceof knocker.UnknownProviderError);
      await hooks.close();
    });
  });
}
