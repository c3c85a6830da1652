import assert from "node:assert/strict";
import { connect } from "node:net";

import { post } from "./serving.js";
import { github, push } from "./workplace.js";

/** Writes these bytes and settles with all that comes back until the server closes. */
function raw(port, text) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const chunks = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("close", () => resolve(Buffer.concat(chunks).toString()));
    socket.on("error", reject);
    socket.end(text);
  });
}

/** What comes over the wire, byte for byte, and what of ours goes out. */
export default function wire(runtime, servers) {
  const { describe, it } = runtime;

  const lines = ({ headers, body }, target, host, version = "1.1") =>
    [
      `POST ${target} HTTP/${version}`,
      ...(host === undefined ? [] : [`Host: ${host}`]),
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Connection: close",
      "",
      body,
    ].join("\r\n");

  for (const [name, start] of Object.entries(servers)) {
    describe(`over the wire: ${name}`, () => {
      async function served(work, options = {}) {
        const { hooks, endpoint, errors } = github(runtime, options);
        const server = await start(endpoint);
        try {
          await work(server.port, () => hooks.query("SELECT outcome, url FROM knocker_deliveries ORDER BY id"));
        } finally {
          await server.close();
          await hooks.close();
        }
        return errors;
      }

      it("answers 400 to a Host that is missing or none, and stores and reports nothing", async () => {
        for (const options of [{}, { publicUrl: "https://shop.example" }]) {
          const errors = await served(async (port, deliveries) => {
            for (const [host, version] of [
              [undefined, "1.1"],
              [undefined, "1.0"],
              ["", "1.1"],
              ["a b", "1.1"],
              ["[::1", "1.1"],
              ["shop.example:port", "1.1"],
              ["shop.example/path?query", "1.1"],
              ["user@shop.example", "1.1"],
              ["shop.example\\", "1.1"],
              ["x".repeat(300), "1.1"],
            ]) {
              const answer = await raw(port, lines(push(runtime), "/webhooks/github", host, version));
              // Hono finds no route for a URL that Bun could not make, before Knocker is asked.
              const expected = name === "Hono on Bun" ? / 40[04] / : / 400 /;
              assert.match(answer.split("\r\n")[0], expected, `${host} ${version}: ${answer}`);
              assert.doesNotMatch(answer, /knocker|at .*\.[jt]s|Error/, answer);
            }
            assert.equal((await post(port, push(runtime))).status, 200);
            assert.equal(deliveries().length, 1);
          }, options);
          assert.deepEqual(errors, []);
        }
      });

      it("answers 400 where a trusted proxy passes on a host that is none", async () => {
        await served(
          async (port, deliveries) => {
            const with_ = (forwarded) => post(port, push(runtime), { headers: { "X-Forwarded-Host": forwarded } });
            assert.equal((await with_("a b")).status, 400);
            assert.equal((await with_("shop.example")).status, 200);
            assert.deepEqual(
              deliveries().map(({ url }) => url),
              ["http://shop.example/webhooks/github"],
            );
          },
          { trustProxy: true },
        );
      });

      it("knows the request line as it was sent, where the runtime still has it", async () => {
        // What `new URL` would write as %27, or resolve, or drop.
        const target = "/webhooks/github?name='it'&next=a|b&up=/../x&empty=";
        const written = name === "Bun.serve" || name === "Hono on Bun";
        await served(async (port, deliveries) => {
          assert.match(await raw(port, lines(push(runtime), target, "Shop.Example:8080")), / 200 /);
          const expected = written ? target.replaceAll("'", "%27") : target;
          assert.deepEqual(
            deliveries().map(({ url }) => url),
            [`http://Shop.Example:8080${expected}`],
          );
        });
      });

      it("shows a stranger no message of ours", async () => {
        const secrets = () => {
          throw new runtime.knocker.KnockerError("usage", "vault.internal is sealed", { retryable: false, hint: "" });
        };
        const { hooks, errors } = github(runtime);
        const endpoint = hooks.endpoint("github", { provider: "github", secrets });
        const server = await start(endpoint);
        const { status, body } = await post(server.port, push(runtime));
        await server.close();
        await hooks.close();
        assert.deepEqual([status, body, errors.length], [500, "internal error: nothing was stored", 1]);
      });
    });
  }

  describe("over the wire: an answer that cannot be sent", () => {
    it("is a 500 for its sender, who would wait otherwise", async () => {
      const { hooks, endpoint, errors } = github(runtime);
      const receive = endpoint.receive.bind(endpoint);
      endpoint.receive = async (request) => {
        const receipt = await receive(request);
        return { ...receipt, response: { ...receipt.response, headers: { "x-bad": "two\r\nlines" } } };
      };
      for (const [, start] of Object.entries(servers)) {
        const server = await start(endpoint);
        const { status, body } = await post(server.port, push(runtime));
        assert.deepEqual([status, body], [500, "internal error: nothing was stored"]);
        await server.close();
      }
      assert.equal(errors.length, Object.keys(servers).length);
      await hooks.close();
    });
  });
}
