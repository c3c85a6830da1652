// A handler that may run twice, and late.
import { open } from "@knocker/bun";

export const hooks = open(process.env.SHOP_DB ?? "shop.db");
export const stripe = hooks.endpoint("stripe", { provider: "stripe", secrets: [process.env.STRIPE_WEBHOOK_SECRET] });

/** Stands for a service over the network that does nothing twice for the same key. */
export const access = { async grant(customer, { idempotencyKey }) {} };

stripe.on("customer.subscription.*", async (event, tx) => {
  const { created, data } = event.json();
  const subscription = data.object;
  // Outside of the file first: it may happen again, always with the same key.
  await access.grant(subscription.customer, { idempotencyKey: event.idempotencyKey });
  // In the file: what is older than what stands there changes nothing.
  tx.run("CREATE TABLE IF NOT EXISTS subscriptions (id TEXT PRIMARY KEY, status TEXT, told_at INTEGER)");
  tx.query(
    "INSERT INTO subscriptions VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE " +
      "SET status = excluded.status, told_at = excluded.told_at WHERE excluded.told_at >= told_at",
  ).run(subscription.id, subscription.status, created);
});
