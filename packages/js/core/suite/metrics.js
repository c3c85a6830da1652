import assert from "node:assert/strict";
import { createServer } from "node:http";

import { github, push } from "./workplace.js";

/** What monitoring systems read, and how it is served. */
export default function metrics(runtime) {
  const { describe, it, knocker, testing } = runtime;

  /** An accepted receipt that was handled, one that failed, and a refused one. */
  async function busy() {
    const made = github(runtime);
    made.endpoint
      .on("push", () => {})
      .on("bad", () => {
        throw new knocker.Dead("hopeless");
      });
    await made.endpoint.receive(push(runtime, { id: "one" }));
    await made.endpoint.receive(push(runtime, { id: "two", type: "bad" }));
    await made.endpoint.receive(push(runtime, { secret: "wrong-test-secret" }));
    await testing.drain(made.hooks);
    return made;
  }

  const told = (text, line) => assert.ok(text.split("\n").includes(line), `${line} is not in ${text}`);

  describe("metrics", () => {
    it("count receipts, attempts and how long they took", async () => {
      const { hooks } = await busy();
      const text = await hooks.metrics();
      told(text, "# TYPE knocker_receipts_total counter");
      told(text, 'knocker_receipts_total{endpoint="github",outcome="accepted"} 2');
      told(text, 'knocker_refusals_total{endpoint="github",reason="bad_signature"} 1');
      told(text, 'knocker_attempts_total{endpoint="github",result="handled"} 1');
      told(text, 'knocker_attempts_total{endpoint="github",result="dead"} 1');
      told(text, 'knocker_handler_duration_seconds_count{endpoint="github"} 2');
      told(text, 'knocker_receive_duration_seconds_count{endpoint="github"} 3');
      told(text, 'knocker_receive_duration_seconds_bucket{endpoint="github",le="+Inf"} 3');
      assert.ok((await hooks.metrics({ openmetrics: true })).endsWith("# EOF\n"));
      await assert.rejects(hooks.metrics({ openMetrics: true }), knocker.UsageError);
      await hooks.close();
    });

    it("are served by one line over fetch and over Node's http, to those who ask for OpenMetrics too", async () => {
      const { hooks } = await busy();
      const server = createServer(hooks.metricsExpress());
      await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${server.address().port}/metrics`;
      for (const [accept, type] of [
        ["*/*", "text/plain; version=0.0.4; charset=utf-8"],
        ["application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text; version=1.0.0; charset=utf-8"],
      ]) {
        const headers = { accept };
        for (const response of [await fetch(url, { headers }), await hooks.metricsFetch(new Request(url, { headers }))]) {
          assert.equal(response.status, 200);
          assert.equal(response.headers.get("content-type"), type);
          told(await response.text(), 'knocker_receipts_total{endpoint="github",outcome="accepted"} 2');
        }
      }
      await hooks.close();
      for (const response of [await fetch(url), await hooks.metricsFetch(new Request(url))]) {
        assert.deepEqual([response.status, response.headers.get("retry-after"), await response.text()], [503, "5", "try again later"]);
      }
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  });
}
