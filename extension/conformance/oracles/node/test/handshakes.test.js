// Handshakes: Knocker gives the answer that the library gives.

import assert from "node:assert/strict";
import { test } from "node:test";

import { verifyKeyMiddleware, verifyWebhookEventMiddleware } from "discord-interactions";

import { load } from "../case.js";
import * as knocker from "../knocker.js";
import { sign } from "../signer.js";
import "./setup.js";

// What Discord's middleware writes for this request, in an Express application whose body parser kept the bytes.
function answered(middleware, request, publicKey) {
  return new Promise((resolve, reject) => {
    const response = {
      statusCode: 200,
      headers: {},
      setHeader(name, value) {
        this.headers[name.toLowerCase()] = value;
      },
      end(body = "") {
        resolve({ status: this.statusCode, headers: this.headers, body });
      },
    };
    const received = { header: (name) => request.header(name), body: Buffer.from(request.body) };
    middleware(publicKey)(received, response, () => reject(new Error("the middleware passed the request on")));
  });
}

const PINGS = [
  ["an interaction's PING", verifyKeyMiddleware, '{"type": 1, "id": "1", "token": "test"}'],
  ["a webhook event's PING", verifyWebhookEventMiddleware, '{"version": 1, "application_id": "1", "type": 0}'],
];

for (const [name, middleware, body] of PINGS) {
  test(`discord: ${name}`, async () => {
    const testCase = load("discord").variant({ request: { body } });
    const request = sign(testCase);
    const expected = await answered(middleware, request, testCase.secret);
    const verdict = knocker.verify(testCase, request, testCase.secret);
    assert.equal(verdict.kind, "handshake");
    assert.equal(verdict.response.status, expected.status);
    assert.deepEqual(verdict.response.body && JSON.parse(verdict.response.body), expected.body && JSON.parse(expected.body));
  });

  test(`discord: ${name} with a wrong signature`, async () => {
    const testCase = load("discord").variant({ request: { body } });
    const request = sign(testCase).with({ body: body.replace('"1"', '"2"') });
    const expected = await answered(middleware, request, testCase.secret);
    const verdict = knocker.verify(testCase, request, testCase.secret);
    assert.equal(verdict.valid, false);
    assert.equal(verdict.response.status, expected.status);
  });
}
