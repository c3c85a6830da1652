// Replays and late events change nothing.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { drain, frozenClock, sign } from "@knocker/node/testing";

Object.assign(process.env, { SHOP_DB: ":memory:", STRIPE_WEBHOOK_SECRET: "whsec_test" });
const { access, hooks, stripe } = await import("./replay-safe.js");

const clock = frozenClock();

beforeEach(() => hooks.reopen(":memory:", { now: clock }));
afterEach(() => hooks.close());

function receive(id, status, created) {
  const data = { object: { id: "sub_1", customer: "cus_1", status } };
  return stripe.receive(sign("stripe", { id, type: "customer.subscription.updated", created, data }, "whsec_test", { now: clock() }));
}

test("the newest word stands, and a replay keeps its key", async () => {
  const keys = [];
  access.grant = async (customer, { idempotencyKey }) => keys.push(idempotencyKey);
  const { eventId } = await receive("evt_2", "active", 200);
  await receive("evt_1", "incomplete", 100);
  await drain(hooks);
  await hooks.replay(eventId);
  await drain(hooks);
  assert.deepEqual(hooks.query("SELECT status FROM subscriptions")[0].status, "active");
  assert.deepEqual(keys, ["stripe/evt_2", "stripe/evt_1", "stripe/evt_2"]);
});
