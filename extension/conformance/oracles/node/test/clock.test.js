// Both draw the line between fresh and stale at the same second.

import assert from "node:assert/strict";
import { test } from "node:test";

import { NOW_MS } from "../case.js";
import * as knocker from "../knocker.js";
import { ran } from "../record.js";
import { sign } from "../signer.js";
import { at, oracles } from "./setup.js";

for (const oracle of oracles.filter((oracle) => oracle.case.toleranceS !== null)) {
  const { case: testCase } = oracle;
  test(`${oracle.name}: both agree on age`, async () => {
    const toleranceMs = testCase.toleranceS * 1000;
    const moments = [
      ["limit", NOW_MS + toleranceMs, true],
      ["stale", NOW_MS + toleranceMs + 1000, false],
      ["future", NOW_MS - toleranceMs - 1000, testCase.future === "accepted"],
    ];
    const request = sign(testCase);
    for (const [name, nowMs, valid] of moments) {
      const verdict = knocker.verify(testCase, request, testCase.secret, nowMs);
      assert.equal(verdict.valid, valid, `Knocker: ${name}: ${verdict.detail}`);
      if (!valid) assert.equal(verdict.reason, "timestamp_out_of_tolerance");
      const accepts = await at(nowMs, () => oracle.accepts(request, testCase.secret));
      assert.equal(accepts, valid !== name in oracle.differs, `${oracle.library}: ${name}`);
      ran(oracle, name);
    }
  });
}
