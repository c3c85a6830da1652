// What one side signs, the other verifies; what was altered by one byte, both refuse.

import assert from "node:assert/strict";
import { test } from "node:test";

import { alterations } from "../alterations.js";
import * as knocker from "../knocker.js";
import { ran } from "../record.js";
import { sign } from "../signer.js";
import { oracles } from "./setup.js";

for (const oracle of oracles) {
  const { case: testCase } = oracle;

  // The request as the library signs it, where it can, and as the independent signer does.
  const foreignRequests = async () => [...(oracle.sign ? [await oracle.sign(testCase)] : []), sign(testCase)];

  test(`${oracle.name}: Knocker accepts what the library signs`, async () => {
    for (const request of await foreignRequests()) {
      const accepts = await oracle.accepts(request, testCase.secret);
      assert.equal(accepts, true, "the library and what it or the independent signer signed");
      const verdict = knocker.verify(testCase, request, testCase.secret);
      assert.equal(verdict.valid, true, verdict.detail);
      assert.ok(verdict.items.length > 0, "a genuine delivery has an event");
    }
    ran(oracle, "knocker accepts");
  });

  test(`${oracle.name}: the library accepts what Knocker signs`, async () => {
    const request = knocker.sign(testCase);
    const accepts = await oracle.accepts(request, testCase.secret);
    assert.equal(accepts, true, "the library and what Knocker signed");
    const verdict = knocker.verify(testCase, request, testCase.secret);
    assert.equal(verdict.valid, true, verdict.detail);
    ran(oracle, "library accepts");
  });

  test(`${oracle.name}: both refuse one altered byte`, async () => {
    for (const request of [...(await foreignRequests()), knocker.sign(testCase)]) {
      for (const { name, request: altered, secret } of alterations(testCase, request)) {
        const verdict = knocker.verify(testCase, altered, secret);
        assert.equal(verdict.valid, false, `Knocker and an altered ${name}`);
        const accepts = await oracle.accepts(altered, secret);
        assert.equal(accepts, oracle.expected(name, false), `the library and an altered ${name}`);
        ran(oracle, name);
      }
    }
  });
}
