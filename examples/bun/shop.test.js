// Tests of handlers, as you would write them for your own: `bun test`.
import assert from "node:assert/strict";
import { test } from "bun:test";

import { open, Retry } from "@knocker/bun";
import { drain, frozenClock, sign } from "@knocker/bun/testing";

function makeShop() {
  const clock = frozenClock();
  const hooks = open(":memory:", { now: clock });
  const stripe = hooks.endpoint("stripe", { provider: "stripe", secrets: ["whsec_test"] });
  stripe.on("checkout.session.completed", (event, tx) => {
    const session = event.json().data.object;
    if (session.payment_status !== "paid") throw new Retry({ after: 60, reason: "not paid yet" });
    tx.run("CREATE TABLE orders (id TEXT PRIMARY KEY)");
    tx.query("INSERT INTO orders VALUES (?)").run(session.id);
  });
  const checkout = (status) => {
    const body = { id: "evt_1", type: "checkout.session.completed", data: { object: { id: "cs_1", payment_status: status } } };
    return sign("stripe", body, "whsec_test", { now: clock() });
  };
  return { hooks, stripe, checkout, clock };
}

test("a paid checkout becomes an order", async () => {
  const { hooks, stripe, checkout } = makeShop();
  assert.equal((await stripe.receive(checkout("paid"))).outcome, "accepted");
  assert.equal((await stripe.receive(checkout("paid"))).outcome, "duplicate");
  assert.equal((await drain(hooks)).handled, 1);
  assert.equal(hooks.query("SELECT id FROM orders")[0].id, "cs_1");
  await hooks.close();
});

test("an unpaid one is tried again after a minute", async () => {
  const { hooks, stripe, checkout, clock } = makeShop();
  await stripe.receive(checkout("unpaid"));
  assert.equal((await drain(hooks)).failed, 1);
  assert.equal((await drain(hooks)).failed, 0);
  clock.advanceMs(60_000);
  assert.equal((await drain(hooks)).failed, 1);
  await hooks.close();
});
