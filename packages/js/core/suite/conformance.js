import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

import { writeCount } from "./counts.js";
import { compare, onlyKeys } from "./matching.js";
import { play } from "./scenario.js";
import { playTelemetry } from "./telemetry-cases.js";
import { playWorker } from "./worker-cases.js";

const ROOT = new URL("../../../../extension/conformance/", import.meta.url);

const CASE_KEYS = ["name", "options", "secrets", "now", "request", "body", "body_base64", "expect", "then"];
const THEN_KEYS = ["now", "request", "body", "body_base64", "expect", "events"];
const EXPECT_KEYS = ["valid", "kind", "reason", "items", "status", "response_body", "response_headers"];

/** The data that every implementation of Knocker runs, through the public API of this package. */
export default function conformance(runtime) {
  const { describe, it } = runtime;

  for (const [folder, list, run] of [
    ["verification", "cases", verify],
    ["lifecycle", "scenarios", (scenario, content) => play(runtime, scenario, content)],
    ["worker", "cases", (one) => playWorker(runtime, one)],
    ["telemetry", "cases", (one, content) => playTelemetry(runtime, one, content)],
    ["shared_commits", "cases", (one) => playWorker(runtime, one)],
  ]) {
    describe(`conformance: ${folder}`, () => {
      const files = readdirSync(new URL(`${folder}/`, ROOT)).filter((name) => name.endsWith(".json"));
      const contents = files.sort().map((name) => [name, JSON.parse(readFileSync(new URL(`${folder}/${name}`, ROOT), "utf8"))]);
      let ran = 0;
      for (const [name, content] of contents) {
        for (const one of content[list]) {
          it(`${folder}/${name}: ${one.name}`, async () => {
            await run(one, content);
            ran += 1;
          });
        }
      }
      it(`ran every one of ${folder}`, () => {
        const expected = contents.reduce((sum, [, content]) => sum + content[list].length, 0);
        assert.ok(expected > 0, `${folder} holds no data`);
        assert.equal(ran, expected);
        writeCount(runtime, folder, ran);
        console.log(`conformance: ${ran} of ${expected} ${list} of ${folder} ran on ${runtime.label}`);
      });
    });
  }

  /** A case: the verdict of an endpoint on a request, then its receipt; and so for the further request. */
  async function verify(one, { provider }) {
    onlyKeys(one, CASE_KEYS, "the case");
    const { options = {}, secrets, then } = one;
    let { now } = one;
    const hooks = runtime.open(":memory:", { now: () => now });
    // An endpoint is not made with blank secrets alone, but a function of the request may find such ones.
    const blank = secrets.every((secret) => secret.trim() === "");
    const endpoint = hooks.endpoint("case", { provider, options, secrets: blank ? () => secrets : secrets });
    const events = () => hooks.query("SELECT count(*) AS count FROM knocker_events")[0].count;
    await send(endpoint, one, "accepted");
    if (then !== undefined) {
      onlyKeys(then, THEN_KEYS, "then");
      now = then.now;
      await send(endpoint, then, then.events > events() ? "accepted" : "duplicate");
      assert.equal(events(), then.events);
    }
    await hooks.close();
  }

  /** One request of a case; `delivery` is the outcome of a delivery. */
  async function send(endpoint, sent, delivery) {
    const { expect } = sent;
    onlyKeys(expect, EXPECT_KEYS, "expect");
    const body = sent.body_base64 === undefined ? (sent.body ?? "") : Buffer.from(sent.body_base64, "base64");
    const response = {
      status: expect.status,
      headers: expect.response_headers ?? {},
      ...(expect.response_body !== undefined && { body: expect.response_body }),
    };
    const { valid, kind = null, reason = null, items = [] } = expect;
    const request = { ...sent.request, body };
    compare({ valid, kind, reason, items, response }, await endpoint.verify(request), "verdict");
    const receipt = await endpoint.receive(request);
    const outcome = { delivery, handshake: "handshake" }[kind] ?? "invalid";
    compare({ outcome, reason, response }, receipt, "receipt");
  }
}
