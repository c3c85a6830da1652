import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";

import { serve as serveHono } from "@hono/node-server";
import express4 from "express-4";
import express5 from "express";
import { Hono } from "hono";

import serving, { post } from "@knocker/core/suite/serving.js";
import { github, push } from "@knocker/core/suite/workplace.js";
import { runtime } from "./runtime.js";
import { fastifyServer, listen, servers } from "./servers.js";

const { describe, it } = runtime;

serving(runtime, servers);

for (const [name, express] of [
  ["Express 5", express5],
  ["Express 4", express4],
]) {
  describe(`body parsers before Knocker: ${name}`, () => {
    async function behind(parser, signed) {
      const { hooks, endpoint, errors } = github(runtime);
      const app = express();
      app.use(parser);
      app.post("/webhooks/github", endpoint.express());
      const server = await listen(app.listen(0, "127.0.0.1"));
      const answer = await post(server.port, signed);
      await server.close();
      const [delivery] = hooks.query("SELECT outcome, body FROM knocker_deliveries");
      await hooks.close();
      return { answer, delivery, errors };
    }

    it("are fine where they keep the raw bytes", async () => {
      const keep = express.json({ verify: (request, _response, bytes) => void (request.rawBody = bytes) });
      for (const parser of [keep, express.raw({ type: "*/*" })]) {
        const { answer, delivery, errors } = await behind(parser, push(runtime, { body: '{"spaced":   true}' }));
        assert.deepEqual([answer.status, delivery.outcome, errors], [200, "accepted", []]);
        assert.equal(Buffer.from(delivery.body).toString(), '{"spaced":   true}');
      }
    });

    it("may have unpacked the bytes that they keep, whatever their length says", async () => {
      const signed = push(runtime, { body: "{}" });
      const packed = { ...signed, body: gzipSync("{}"), headers: { ...signed.headers, "content-encoding": "gzip" } };
      const { answer, delivery } = await behind(express.raw({ type: "*/*" }), packed);
      assert.deepEqual([answer.status, delivery.outcome], [200, "accepted"]);
    });

    it("are named where they keep less than was sent, which is stored nowhere", async () => {
      const cut = (request, response, next) =>
        express.raw({ type: "*/*" })(request, response, () => ((request.rawBody = request.body.subarray(0, 4)), next()));
      const { answer, delivery, errors } = await behind(cut, push(runtime));
      assert.deepEqual([answer.status, answer.body, delivery], [400, "the body ended early", undefined]);
      assert.match(errors[0].error.message, /ended after 4 of \d+ bytes/);
      assert.equal(errors[0].error.code, "body_consumed");
    });

    it("are named where they keep nothing of a body in chunks", async () => {
      const early = (request, _response, next) => ((request.rawBody = Buffer.concat([])), next());
      const signed = push(runtime);
      const chunked = { ...signed, headers: { ...signed.headers, "transfer-encoding": "chunked" } };
      const { answer, delivery, errors } = await behind(early, chunked);
      assert.deepEqual([answer.status, delivery, errors[0].error.code], [500, undefined, "body_consumed"]);
    });

    it("are fine where they leave this request alone", async () => {
      const signed = push(runtime);
      const { answer } = await behind(express.json(), { ...signed, headers: { ...signed.headers, "content-type": "text/x-hook" } });
      assert.equal(answer.status, 200);
    });

    it("are named as cause, with the cure, where they ate the bytes", async () => {
      for (const parser of [express.json(), express.text({ type: "*/*" })]) {
        const { answer, delivery, errors } = await behind(parser, push(runtime));
        assert.deepEqual([answer.status, answer.body], [500, "internal error: nothing was stored"]);
        assert.equal(delivery, undefined);
        const [{ error }] = errors;
        assert.ok(error instanceof runtime.knocker.BodyConsumedError);
        assert.match(`${error.message}. ${error.hint}`, /a body parser read this request.*express\.raw/);
      }
    });
  });
}

describe("frameworks around Knocker", () => {
  it("keep Fastify's own parsers for the other routes", async () => {
    const { hooks, endpoint } = github(runtime);
    const server = await fastifyServer(endpoint);
    const answer = await post(server.port, { headers: { "content-type": "application/json" }, body: '{"a":1}' }, { path: "/api" });
    assert.deepEqual([answer.status, answer.body], [200, '{"a":1}']);
    await server.close();
    await hooks.close();
  });

  it("may parse for Hono, as long as the bytes are kept", async () => {
    const { hooks, endpoint, errors } = github(runtime);
    const app = new Hono();
    app.post("/bytes", async (c, next) => (await c.req.arrayBuffer(), next()), endpoint.hono());
    app.post("/json", async (c, next) => (await c.req.json(), next()), endpoint.hono());
    app.post("/cut", async (c, next) => ((c.req.bodyCache.arrayBuffer = (await c.req.arrayBuffer()).slice(0, 4)), next()), endpoint.hono());
    const server = await listen(serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }));
    assert.equal((await post(server.port, push(runtime), { path: "/bytes" })).status, 200);
    const eaten = await post(server.port, push(runtime), { path: "/json" });
    assert.deepEqual([eaten.status, errors.map(({ error }) => error.code)], [500, ["body_consumed"]]);
    const cut = await post(server.port, push(runtime), { path: "/cut" });
    assert.deepEqual([cut.status, errors.map(({ error }) => error.code)], [400, ["body_consumed", "body_consumed"]]);
    assert.equal(hooks.query("SELECT count(*) AS kept FROM knocker_deliveries")[0].kept, 1);
    await server.close();
    await hooks.close();
  });

  it("mount all endpoints under one path", async () => {
    const { hooks } = github(runtime);
    const app = express5();
    app.use("/webhooks", hooks.express());
    const server = await listen(app.listen(0, "127.0.0.1"));
    assert.equal((await post(server.port, push(runtime))).status, 200);
    assert.equal((await post(server.port, push(runtime), { path: "/webhooks/stripe" })).status, 404);
    await server.close();
    await hooks.close();
  });
});
