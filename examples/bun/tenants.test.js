// Each tenant's secrets open its own URL and no other.
import { afterEach, beforeEach, expect, test } from "bun:test";

import { drain, frozenClock, sign } from "@knocker/bun/testing";

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
    expect(await outcome("acme", secret)).toEqual("accepted");
    await drain(hooks);
    expect(hooks.query("SELECT tenant FROM payments")[0].tenant).toEqual("acme");
  });
}

test("the secret of another tenant proves nothing", async () => {
  expect(await outcome("acme", "globex")).toEqual("invalid");
  expect(await outcome("nobody", "acme-new")).toEqual("invalid");
});
