// Each tenant's secrets open its own URL and no other.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { drain, frozenClock, sign } from "@knocker/node/testing";

process.env.SHOP_DB = ":memory:";
const { hooks, stripe } = await import("./tenants.js");

const clock = frozenClock();

beforeEach(() => hooks.reopen(":memory:", { now: clock }));
afterEach(() => hooks.close());

async function outcome(tenant, secret) {
  const body = { id: "evt_1", type: "invoice.paid", data: { object: { id: "in_1" } } };
  const request = sign("stripe", body, secret, { now: clock(), url: `https://shop.example/webhooks/${tenant}/stripe` });
  return (await stripe.receive(request)).outcome;
}

for (const secret of ["acme-new", "acme-old"]) {
  test(`the tenant is known by its URL and proven by ${secret}`, async () => {
    assert.deepEqual(await outcome("acme", secret), "accepted");
    await drain(hooks);
    assert.deepEqual(hooks.query("SELECT tenant FROM payments")[0].tenant, "acme");
  });
}

test("the secret of another tenant proves nothing", async () => {
  assert.deepEqual(await outcome("acme", "globex"), "invalid");
  assert.deepEqual(await outcome("nobody", "acme-new"), "invalid");
});
