// One endpoint for several tenants, each with secrets of its own.
import { open } from "@knocker/node";

// Of your configuration, or a table. While a secret is replaced both are there, and each is tried.
const SECRETS = { acme: ["acme-new", "acme-old"], globex: ["globex"] };

// https://shop.example/webhooks/acme/stripe
const tenantOf = (url) => new URL(url).pathname.split("/").at(-2);

export const hooks = open(process.env.SHOP_DB ?? "tenants.db");
export const stripe = hooks.endpoint("stripe", {
  provider: "stripe",
  secrets: (request) => SECRETS[tenantOf(request.url)] ?? [],
});

stripe.on("invoice.paid", (event, tx) => {
  tx.exec("CREATE TABLE IF NOT EXISTS payments (invoice TEXT PRIMARY KEY, tenant TEXT)");
  const invoice = event.json().data.object.id;
  tx.prepare("INSERT INTO payments VALUES (?, ?) ON CONFLICT DO NOTHING").run(invoice, tenantOf(event.url));
});
