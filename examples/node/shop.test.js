// Tests of the shop's own handlers, as you would write them for yours: `node --test`.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { drain, frozenClock, sign } from "@knocker/node/testing";

// Before the shop is imported.
Object.assign(process.env, { SHOP_DB: ":memory:", STRIPE_WEBHOOK_SECRET: "whsec_test", GITHUB_WEBHOOK_SECRET: "test-secret" });
const { hooks, stripe } = await import("./shop.js");

const clock = frozenClock();

// Each test on a database of its own, with the endpoints and handlers of the shop.
beforeEach(() => hooks.reopen(":memory:", { now: clock }));
afterEach(() => hooks.close());

function checkout(status) {
  const session = { id: "cs_1", payment_status: status, amount_total: 2000, customer_details: { email: "ada@example.com" } };
  const body = { id: "evt_1", type: "checkout.session.completed", data: { object: session } };
  return sign("stripe", body, "whsec_test", { now: clock() });
}

test("a paid checkout becomes an order", async () => {
  assert.equal((await stripe.receive(checkout("paid"))).outcome, "accepted");
  assert.equal((await stripe.receive(checkout("paid"))).outcome, "duplicate");
  assert.equal((await drain(hooks)).handled, 1);
  assert.equal(hooks.query("SELECT id FROM orders")[0].id, "cs_1");
});

test("an unpaid one is of no interest", async () => {
  const { eventId } = await stripe.receive(checkout("unpaid"));
  assert.equal((await drain(hooks)).ignored, 1);
  assert.equal((await hooks.event(eventId)).reason, "not paid yet");
});
