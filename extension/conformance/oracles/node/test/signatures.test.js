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
      assert.equal(await oracle.accepts(request, testCase.secret), true);
      const verdict = knocker.verify(testCase, request, testCase.secret);
      assert.equal(verdict.valid, true, verdict.detail);
      assert.ok(verdict.items.length > 0, "a genuine delivery has an event");
    }
    ran(oracle, "knocker accepts");
  });

  test(`${oracle.name}: the library accepts what Knocker signs`, async () => {
    const request = knocker.sign(testCase);
    assert.equal(await oracle.accepts(request, testCase.secret), true);
    assert.equal(knocker.verify(testCase, request, testCase.secret).valid, true);
    ran(oracle, "library accepts");
  });

  test(`${oracle.name}: both refuse one altered byte`, async () => {
    for (const request of [...(await foreignRequests()), knocker.sign(testCase)]) {
      for (const { name, request: altered, secret } of alterations(testCase, request)) {
        assert.equal(knocker.verify(testCase, altered, secret).valid, false, `Knocker and an altered ${name}`);
        assert.equal(await oracle.accepts(altered, secret), name in oracle.differs, `${oracle.library} and an altered ${name}`);
        ran(oracle, name.split(" ")[0]);
      }
    }
  });
}
