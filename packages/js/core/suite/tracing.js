import assert from "node:assert/strict";

import { trace } from "@opentelemetry/api";

import { traced } from "./telemetry-cases.js";
import { failure, file } from "./workplace.js";

const SENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/** One trace from the request to what the handlers do, through the API of OpenTelemetry that the application has set up. */
export default function tracing(runtime) {
  const { describe, it } = runtime;

  describe("a trace", () => {
    it("holds what the function of secrets and the handlers do, and the sender's headers stay as they were", () =>
      traced(async (exporter) => {
        const look = (name) => trace.getTracer("app").startSpan(name).end();
        const hooks = runtime.open(file());
        const secrets = async () => {
          await Promise.resolve();
          look("look up");
          return "test-token";
        };
        const inbox = hooks.endpoint("inbox", { provider: "token", secrets }).on("*", async () => {
          await Promise.resolve();
          look("work");
        });
        const headers = {
          "X-Webhook-Token": "test-token",
          traceparent: SENT,
          tracestate: "congo=t61rcWkgMzE",
          "Knocker-Traceparent": OTHER,
        };
        const { deliveryId } = await inbox.receive({ headers, body: "{}" });
        await runtime.testing.drain(hooks);
        const [lookUp, received, work, processed] = exporter.getFinishedSpans();
        assert.deepEqual(
          [lookUp, received, work, processed].map(({ name }) => name),
          ["look up", "receive inbox", "work", "process inbox"],
        );
        assert.equal(lookUp.parentSpanContext.spanId, received.spanContext().spanId);
        assert.equal(work.parentSpanContext.spanId, processed.spanContext().spanId);
        assert.equal(processed.spanContext().traceState.serialize(), "congo=t61rcWkgMzE");
        const stored = (await hooks.delivery(deliveryId)).headers;
        assert.equal(stored.traceparent, SENT);
        const own = `00-0af7651916cd43dd8448eb211c80319c-${received.spanContext().spanId}-01`;
        assert.deepEqual(stored["knocker-traceparent"], [OTHER, own]);
        assert.equal(stored["knocker-tracestate"], "congo=t61rcWkgMzE");
        await hooks.close();
      }));

    it("has a failed span where nothing was stored", () =>
      traced(async (exporter) => {
        const hooks = runtime.open(file());
        const inbox = hooks.endpoint("inbox", {});
        await hooks.close();
        assert.equal((await failure(inbox.receive({ headers: {} }))).code, "closed");
        const [span] = exporter.getFinishedSpans();
        assert.deepEqual([span.name, span.status.code, span.attributes["error.type"]], ["receive inbox", 2, "closed"]);
        assert.deepEqual(span.events, []);
      }));

    it("is one for receiveSync too", () =>
      traced(async (exporter) => {
        const hooks = runtime.open(file());
        hooks.endpoint("inbox", { provider: "token", secrets: "test-token" }).receiveSync({ headers: { traceparent: SENT } });
        const [span] = exporter.getFinishedSpans();
        assert.deepEqual([span.attributes["knocker.outcome"], span.parentSpanContext.spanId], ["invalid", "b7ad6b7169203331"]);
        await hooks.close();
      }));
  });
}
