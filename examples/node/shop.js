// A tiny shop: paid checkouts become orders, pushes become builds. The servers and the worker import it.
import { Ignore, open } from "@knocker/node";

export const hooks = open(process.env.SHOP_DB ?? "shop.db");

export const stripe = hooks.endpoint("stripe", { provider: "stripe", secrets: [process.env.STRIPE_WEBHOOK_SECRET] });
export const github = hooks.endpoint("github", { provider: "github", secrets: [process.env.GITHUB_WEBHOOK_SECRET] });

stripe.on("checkout.session.completed", (event, tx) => {
  const session = event.json().data.object;
  // Stripe sends checkout.session.async_payment_succeeded later.
  if (session.payment_status !== "paid") throw new Ignore("not paid yet");
  tx.exec("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, total INTEGER, email TEXT)");
  tx.prepare("INSERT INTO orders VALUES (?, ?, ?) ON CONFLICT DO NOTHING").run(
    session.id,
    session.amount_total,
    session.customer_details.email,
  );
});

github.on("push", async (event, tx) => {
  const push = event.json();
  tx.exec("CREATE TABLE IF NOT EXISTS builds (event INTEGER PRIMARY KEY, repository TEXT, revision TEXT)");
  tx.prepare("INSERT INTO builds VALUES (?, ?, ?) ON CONFLICT DO NOTHING").run(event.id, push.repository.full_name, push.after);
});

github.on("ping", () => {
  throw new Ignore("GitHub says hello");
});
