import assert from "node:assert/strict";

import { github, push, SECRET } from "./workplace.js";

/** `Request` in, `Response` out, without a server. */
export default function fetching(runtime) {
  const { describe, it } = runtime;

  function request(signed, extra = {}) {
    return new Request(new URL(signed.url, "http://app.test"), {
      method: signed.method,
      headers: signed.headers,
      body: signed.body,
      duplex: "half",
      ...extra,
    });
  }

  const last = (hooks) => hooks.query("SELECT * FROM knocker_deliveries ORDER BY id DESC LIMIT 1")[0];

  describe("fetch", () => {
    it("answers signed requests, duplicates and forgeries", async () => {
      const { hooks, endpoint } = github(runtime);
      const signed = push(runtime);
      assert.equal((await endpoint.fetch(request(signed))).status, 200);
      assert.equal((await endpoint.fetch(request(signed))).status, 200);
      assert.equal(last(hooks).outcome, "duplicate");
      const forged = await endpoint.fetch(request({ ...signed, body: "forged" }));
      assert.deepEqual([forged.status, forged.headers.get("content-type")], [401, "text/plain; charset=utf-8"]);
      assert.equal(last(hooks).reason, "bad_signature");
      await hooks.close();
    });

    it("stops reading an oversized body one byte behind the limit, and records it", async () => {
      const { hooks, endpoint } = github(runtime, {}, { maxBodyBytes: 1000 });
      let pulled = 0;
      let cancelled = false;
      const body = new ReadableStream(
        {
          pull(controller) {
            pulled += 100;
            controller.enqueue(new Uint8Array(100));
          },
          cancel: () => void (cancelled = true),
        },
        { highWaterMark: 0 },
      );
      const response = await endpoint.fetch(request(push(runtime), { body }));
      assert.equal(response.status, 413);
      assert.ok(pulled <= 1300, `${pulled} bytes were read`);
      assert.ok(cancelled);
      const delivery = last(hooks);
      assert.deepEqual([delivery.outcome, delivery.body], ["too_large", null]);
      const fits = push(runtime, { body: "x".repeat(1000) });
      assert.equal((await endpoint.fetch(request(fits))).status, 200);
      await hooks.close();
    });

    it("answers 400 to a body that is shorter than its Content-Length, and stores nothing of it", async () => {
      const { hooks, endpoint, errors } = github(runtime);
      const signed = push(runtime);
      const cut = { ...signed, headers: { ...signed.headers, "content-length": String(Buffer.byteLength(signed.body) + 1) } };
      const response = await endpoint.fetch(request(cut));
      assert.deepEqual([response.status, await response.text()], [400, "the body ended early"]);
      assert.deepEqual([last(hooks), errors.map(({ error }) => error.code)], [undefined, ["body_consumed"]]);
      await hooks.close();
    });

    it("stores nothing of a body that breaks off", async () => {
      const { hooks, endpoint } = github(runtime);
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(10));
          controller.error(new Error("the connection is gone"));
        },
      });
      await endpoint.fetch(request(push(runtime), { body }));
      assert.equal(last(hooks), undefined);
      await hooks.close();
    });

    it("names cause and cure where something has read the body", async () => {
      const { hooks, endpoint, errors } = github(runtime);
      const eaten = request(push(runtime));
      await eaten.json();
      const response = await endpoint.fetch(eaten);
      assert.deepEqual([response.status, await response.text()], [500, "internal error: nothing was stored"]);
      const [{ error }] = errors;
      assert.equal(error.code, "body_consumed");
      assert.match(`${error.message}. ${error.hint}`, /no raw bytes.*before the body parser/);
      await hooks.close();
    });

    it("names them too where something holds the body and has read nothing yet", async () => {
      const { hooks, endpoint, errors } = github(runtime);
      const held = request(push(runtime));
      held.body.getReader();
      const response = await endpoint.fetch(held);
      assert.deepEqual([response.status, errors[0]?.error.code], [500, "body_consumed"]);
      await hooks.close();
    });

    it("never throws, whatever it is given", async () => {
      const { hooks, endpoint, errors } = github(runtime);
      for (const nothing of [undefined, null, {}, "http://app.test"]) assert.equal((await endpoint.fetch(nothing)).status, 500);
      assert.equal(errors.length, 4);
      await hooks.close();
    });

    it("shows a secrets function the headers", async () => {
      const secrets = ({ headers, url }) => (headers["x-tenant"] === "a" && url.endsWith("/hook") ? SECRET : undefined);
      const { hooks, endpoint } = github(runtime, {}, { secrets });
      const signed = push(runtime, { url: "/hook" });
      assert.equal((await endpoint.fetch(request(signed))).status, 401);
      assert.equal((await endpoint.fetch(request({ ...signed, headers: { ...signed.headers, "X-Tenant": "a" } }))).status, 200);
      await hooks.close();
    });

    it("sends the sender away for later while the database is locked", async () => {
      const { hooks, endpoint, path, errors } = github(runtime, { busyTimeoutMs: 5 });
      const other = runtime.openRaw(path);
      other.exec("BEGIN IMMEDIATE");
      const response = await endpoint.fetch(request(push(runtime)));
      assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "5"]);
      assert.match(await response.text(), /^try again later$/);
      assert.equal(errors[0].error.code, "busy");
      other.exec("ROLLBACK");
      other.close();
      await hooks.close();
    });

    it("answers 410 for a disabled endpoint and 404 for one that does not exist", async () => {
      const { hooks } = github(runtime);
      const off = hooks.endpoint("off", { provider: "github", secrets: [SECRET], enabled: false });
      assert.equal((await off.fetch(request(push(runtime)))).status, 410);
      const gone = hooks.endpoint("gone", { provider: "github", secrets: SECRET });
      hooks.query("DELETE FROM _knocker_endpoints WHERE name = 'gone' RETURNING id");
      assert.equal((await gone.fetch(request(push(runtime)))).status, 404);
      await hooks.close();
    });

    it("tells the sender nothing of an error in the application's secrets function", async () => {
      const secrets = () => {
        throw new Error("vault at 10.0.0.1 is sealed");
      };
      const { hooks, endpoint, errors } = github(runtime, {}, { secrets });
      const response = await endpoint.fetch(request(push(runtime)));
      assert.deepEqual([response.status, await response.text()], [500, "internal error: nothing was stored"]);
      assert.match(errors[0].error.message, /sealed/);
      await hooks.close();
    });

    it("knows the URL as the sender does", async () => {
      // The proxy has appended its own word to what the sender wrote.
      const forwarded = { "x-forwarded-proto": "http, https", "x-forwarded-host": "evil.example, hooks.example.com" };
      const headers = { ...push(runtime).headers, ...forwarded };
      const seen = async (options, endpointOptions) => {
        const { hooks, endpoint } = github(runtime, options, endpointOptions);
        await endpoint.fetch(new Request("http://10.0.0.1:3000/github?tenant=a", { method: "POST", body: "{}", headers }));
        const { url } = last(hooks);
        await hooks.close();
        return url;
      };
      assert.equal(await seen({}), "http://10.0.0.1:3000/github?tenant=a");
      assert.equal(await seen({ trustProxy: true }), "https://hooks.example.com/github?tenant=a");
      assert.equal(await seen({ publicUrl: "https://example.com/hooks/" }), "https://example.com/hooks/github?tenant=a");
      assert.equal(
        await seen({ publicUrl: "https://example.com" }, { publicUrl: "https://b.example" }),
        "https://b.example/github?tenant=a",
      );
    });

    it("routes by the last segment of the path", async () => {
      const { hooks } = github(runtime);
      const to = (path) => hooks.fetch(request({ ...push(runtime), url: path }));
      assert.equal((await to("/webhooks/github")).status, 200);
      assert.equal((await to("/webhooks/github/?a=1")).status, 200);
      const missing = await to("/webhooks/stripe");
      assert.deepEqual([missing.status, await missing.text()], [404, "no such endpoint"]);
      assert.equal((await to("/webhooks/%E0%A4%A")).status, 404);
      await hooks.close();
    });
  });
}
