// Tests of the shop's own handlers, as you would write them for yours: `bun test`.
import { afterEach, beforeEach, expect, test } from "bun:test";

import { drain, frozenClock, sign } from "@knocker/bun/testing";

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
  expect((await stripe.receive(checkout("paid"))).outcome).toBe("accepted");
  expect((await stripe.receive(checkout("paid"))).outcome).toBe("duplicate");
  expect((await drain(hooks)).handled).toBe(1);
  expect(hooks.query("SELECT id FROM orders")[0].id).toBe("cs_1");
});

test("an unpaid one is of no interest", async () => {
  const { eventId } = await stripe.receive(checkout("unpaid"));
  expect((await drain(hooks)).ignored).toBe(1);
  expect((await hooks.event(eventId)).reason).toBe("not paid yet");
});
