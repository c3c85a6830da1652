// Both draw the line between fresh and stale at the same second.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as knocker from "../knocker.js";
import { ran } from "../record.js";
import { sign } from "../signer.js";
import { at, oracles } from "./setup.js";

for (const oracle of oracles) {
  const { case: testCase } = oracle;

  test(`${oracle.name}: both agree on age`, async () => {
    const request = sign(testCase);
    for (const [name, nowMs, valid] of testCase.moments()) {
      const verdict = knocker.verify(testCase, request, testCase.secret, nowMs);
      assert.equal(verdict.valid, valid, `Knocker and ${name}: ${verdict.detail}`);
      if (!valid) assert.equal(verdict.reason, "timestamp_out_of_tolerance");
      const accepts = await at(nowMs, () => oracle.accepts(request, testCase.secret));
      assert.equal(accepts, oracle.expected(name, valid), `the library and ${name}`);
      ran(oracle, name);
    }
  });
}
