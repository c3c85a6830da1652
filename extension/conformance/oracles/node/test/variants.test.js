// The traps of each provider: what is nearly right, and what only looks wrong.

import assert from "node:assert/strict";
import { test } from "node:test";

import { NOW_MS } from "../case.js";
import * as knocker from "../knocker.js";
import { ran } from "../record.js";
import { decode, encode, sign } from "../signer.js";
import { at, oracles } from "./setup.js";

// Knocker says `valid`, and the library the same unless it is known to differ.
async function agree(oracle, testCase, name, valid, nowMs = NOW_MS) {
  const request = sign(testCase, nowMs);
  const verdict = knocker.verify(testCase, request, testCase.secret, nowMs);
  assert.equal(verdict.valid, valid, `Knocker and ${name}: ${verdict.detail}`);
  const accepts = await at(nowMs, () => oracle.accepts(request, testCase.secret));
  assert.equal(accepts, oracle.expected(name, valid), `the library and ${name}`);
  ran(oracle, name);
  return verdict;
}

for (const oracle of oracles) {
  const { case: testCase } = oracle;

  test(`${oracle.name}: both agree on the variants`, async () => {
    for (const changes of testCase.variants) {
      await agree(oracle, testCase.variant(changes), changes.name, changes.valid, changes.now_ms);
    }
  });

  test(`${oracle.name}: both refuse a cut and a padded signature`, async () => {
    const request = sign(testCase);
    const { encoding } = testCase.signature;
    const whole = decode(encoding, testCase.signature.read(request));
    const altered = { "a cut signature": whole.subarray(0, -1), "a padded signature": Buffer.concat([whole, Buffer.from("0")]) };
    for (const [name, bytes] of Object.entries(altered)) {
      const changed = testCase.signature.write(request, encode(encoding, bytes));
      const verdict = knocker.verify(testCase, changed, testCase.secret);
      assert.equal(verdict.valid, false, `Knocker and ${name}`);
      const accepts = await oracle.accepts(changed, testCase.secret);
      assert.equal(accepts, oracle.expected(name, false), `the library and ${name}`);
      ran(oracle, name);
    }
  });

  if (testCase.blankSecret === null) continue;

  test(`${oracle.name}: a blank secret verifies nothing`, async () => {
    const verdict = await agree(oracle, testCase.with({ secret: testCase.blankSecret }), "a blank secret", false);
    assert.equal(verdict.reason, "no_secret");
  });
}
