import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";

import { deferred, github, push, SECRET } from "./workplace.js";

/** A request over a connection of its own: `send` writes pieces, `response` settles with the answer. */
export function client(port, { method = "POST", path = "/webhooks/github", headers = {} }) {
  const { promise, resolve, reject } = deferred();
  const request = httpRequest({ port, host: "127.0.0.1", method, path, headers, agent: false });
  request.on("response", (response) => {
    const chunks = [];
    response.on("data", (chunk) => chunks.push(chunk));
    response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() }));
    response.on("error", reject);
  });
  // After an answer the server may close a connection that is still being written to; before it, this is the failure.
  request.on("error", reject);
  return {
    response: promise,
    send: (piece) => new Promise((done) => request.write(piece, done)),
    end: (piece) => request.end(piece),
    /** Settles when the connection is closed on this side. */
    destroy: () => new Promise((closed) => request.once("close", closed).destroy()),
  };
}

/** One whole request. */
export function post(port, signed, extra = {}) {
  const { end, response } = client(port, { ...extra, headers: { ...signed.headers, ...extra.headers } });
  end(signed.body);
  return response;
}

/**
 * Real servers and a real client.
 * @param servers names, and functions that serve an endpoint under /webhooks/github and return `{ port, close }`.
 */
export default function serving(runtime, servers) {
  const { describe, it } = runtime;

  describe("over HTTP: behind something that awaits first", () => {
    it("comes to an end with a request that was broken off meanwhile, and stores nothing", async () => {
      const { hooks, endpoint, errors } = github(runtime);
      const handle = endpoint.express();
      const arrived = deferred();
      const settled = deferred();
      const server = createServer((request, response) => {
        const gone = new Promise((closed) => request.once("close", closed));
        request.on("error", () => {});
        arrived.resolve();
        gone.then(() => handle(request, response)).then(settled.resolve, settled.reject);
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const broken = client(server.address().port, { headers: { ...push(runtime).headers, "content-length": "16" } });
      broken.response.catch(() => {});
      await broken.send('{"broken"');
      await arrived.promise;
      await broken.destroy();
      await settled.promise;
      server.close();
      await hooks.close();
      const again = runtime.open(hooks.file);
      assert.deepEqual([again.query("SELECT count(*) AS n FROM knocker_deliveries")[0].n, errors], [0, []]);
      await again.close();
    });
  });

  describe("over HTTP: behind something that answers first", () => {
    for (const [what, begin, told] of [
      ["and leaves it unfinished", (response) => response.writeHead(202).write("by another"), 1],
      ["to the end", (response) => response.writeHead(202).end("by another"), 0],
    ]) {
      it(`${what}: the receipt is stored, nothing is thrown, and onError hears of a sender that gets another status`, async () => {
        const { hooks, endpoint, errors } = github(runtime, {}, { maxBodyBytes: 1000 });
        const settled = [];
        const server = createServer((request, response) => {
          begin(response);
          const done = endpoint.express()(request, response);
          settled.push(done);
          done.finally(() => response.end());
        });
        server.listen(0, "127.0.0.1");
        await once(server, "listening");
        const { port } = server.address();
        assert.deepEqual(await post(port, push(runtime)).then(({ status, body }) => [status, body]), [202, "by another"]);
        await post(port, push(runtime, { body: "x".repeat(2000) }));
        await Promise.all(settled);
        server.closeAllConnections?.();
        server.close();
        assert.deepEqual(
          hooks.query("SELECT outcome FROM knocker_deliveries ORDER BY id").map(({ outcome }) => outcome),
          ["accepted", "too_large"],
        );
        assert.deepEqual(
          errors.map(({ error }) => error.code),
          Array(told * 2).fill("usage"),
        );
        await hooks.close();
      });
    }
  });

  for (const [name, start] of Object.entries(servers)) {
    describe(`over HTTP: ${name}`, () => {
      async function served(endpointOptions, work) {
        const { hooks, endpoint, errors } = github(runtime, {}, endpointOptions);
        const server = await start(endpoint);
        const deliveries = () => hooks.query("SELECT outcome, url, headers, body FROM knocker_deliveries ORDER BY id");
        try {
          await work({ port: server.port, endpoint, deliveries, errors });
        } finally {
          await server.close();
          await hooks.close();
        }
        assert.deepEqual(errors, []);
      }

      it("takes signed requests and duplicates, and refuses forgeries", async () => {
        await served({}, async ({ port, deliveries }) => {
          const signed = push(runtime, { body: '{"text": "Grüße"}' });
          const answers = [await post(port, signed), await post(port, signed), await post(port, { ...signed, body: "forged" })];
          assert.deepEqual(
            answers.map(({ status }) => status),
            [200, 200, 401],
          );
          assert.deepEqual(
            deliveries().map(({ outcome }) => outcome),
            ["accepted", "duplicate", "invalid"],
          );
          assert.equal(Buffer.from(deliveries()[0].body).toString(), signed.body);
        });
      });

      it("knows host, path and query, whatever the content type", async () => {
        await served({}, async ({ port, deliveries }) => {
          for (const type of ["application/x-www-form-urlencoded", "garbage", "text/plain; charset=???"]) {
            const signed = push(runtime);
            const form = { ...signed, headers: { ...signed.headers, "content-type": type } };
            assert.equal((await post(port, form, { path: "/webhooks/github?tenant=a%20b" })).status, 200, type);
          }
          for (const { url } of deliveries()) assert.equal(url, `http://127.0.0.1:${port}/webhooks/github?tenant=a%20b`);
          assert.equal(deliveries().length, 3);
        });
      });

      it("shows a secrets function the headers in one form", async () => {
        const secrets = ({ headers }) => (headers["x-tenant"] === "a" ? SECRET : undefined);
        await served({ secrets }, async ({ port }) => {
          const signed = push(runtime);
          assert.equal((await post(port, signed)).status, 401);
          assert.equal((await post(port, signed, { headers: { "X-Tenant": "a" } })).status, 200);
        });
      });

      it("keeps repeated headers apart, or joined where the runtime joins them", async () => {
        await served({}, async ({ port, deliveries }) => {
          const signed = push(runtime);
          await post(port, signed, { headers: { "X-Note": ["one", "two"] } });
          const note = JSON.parse(deliveries()[0].headers)["x-note"];
          assert.deepEqual([note].flat().join(", "), "one, two");
          if (name !== "Bun.serve" && !name.endsWith("on Bun")) assert.deepEqual(note, ["one", "two"]);
        });
      });

      it("answers 413 to an oversized body, announced or in chunks, without reading all of it", async () => {
        await served({ maxBodyBytes: 1000 }, async ({ port, deliveries }) => {
          const body = Buffer.alloc(300_000, "x");
          const signed = push(runtime, { body });
          assert.equal((await post(port, signed, { headers: { "content-length": String(body.length) } })).status, 413);
          const { send, response, destroy } = client(port, { headers: signed.headers });
          await send(Buffer.alloc(900));
          // More than the limit, and the end never comes: the answer must.
          await send(Buffer.alloc(200));
          assert.equal((await response).status, 413);
          destroy();
          assert.deepEqual(
            deliveries().map(({ outcome, body: stored }) => [outcome, stored]),
            [
              ["too_large", null],
              ["too_large", null],
            ],
          );
        });
      });

      it("serves others while a slow body trickles in", async () => {
        await served({}, async ({ port, deliveries }) => {
          const signed = push(runtime, { body: '{"slow": true}' });
          const slow = client(port, { headers: signed.headers });
          await slow.send('{"slow"');
          for (let count = 0; count < 5; count++) assert.equal((await post(port, push(runtime))).status, 200);
          await slow.send(": ");
          assert.equal((await post(port, push(runtime))).status, 200);
          slow.end("true}");
          assert.equal((await slow.response).status, 200);
          assert.equal(deliveries().length, 7);
        });
      });

      it("stores nothing of a request that is broken off", async () => {
        await served({}, async ({ port, endpoint, deliveries }) => {
          const entered = deferred();
          const limit = endpoint.maxBodyBytes.bind(endpoint);
          endpoint.maxBodyBytes = () => (entered.resolve(), limit());
          const signed = push(runtime, { body: '{"broken": true}' });
          const broken = client(port, { headers: { ...signed.headers, "content-length": "16" } });
          broken.response.catch(() => {});
          await broken.send('{"broken"');
          await entered.promise;
          await broken.destroy();
          // The server hears of the end before it hears of these; and writes come in order, so that one that was made of it would be there by now.
          for (let count = 0; count < 3; count++) assert.equal((await post(port, push(runtime))).status, 200);
          assert.deepEqual(
            deliveries().map(({ outcome }) => outcome),
            ["accepted", "accepted", "accepted"],
          );
        });
      });
    });
  }
}
