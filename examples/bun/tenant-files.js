// A file for each tenant: one server receives for all of them, and one worker handles what they got.
import { openMany } from "@knocker/bun";

/** Runs each time that a tenant's file is opened. */
function setUp(hooks, tenant) {
  // STRIPE_WEBHOOK_SECRET_ACME: of your configuration, or your vault.
  const secret = process.env[`STRIPE_WEBHOOK_SECRET_${tenant.toUpperCase()}`];
  const stripe = hooks.endpoint("stripe", { provider: "stripe", secrets: [secret] });

  // What it writes is in the file of that tenant.
  stripe.on("invoice.paid", (event, tx) => {
    tx.run("CREATE TABLE IF NOT EXISTS payments (event TEXT PRIMARY KEY)");
    tx.query("INSERT INTO payments VALUES (?) ON CONFLICT DO NOTHING").run(event.key);
  });
}

// tenants/acme.db is acme's. `await tenants.create("globex")` makes one.
export const tenants = openMany(`${process.env.TENANTS ?? "tenants"}/*.db`, setUp);

// https://acme.shop.example/webhooks/stripe is for acme. Who there is no file of is answered with 404.
export const routes = {
  "/webhooks/*": tenants.fetch((request) => request.headers.get("host")?.split(".")[0]),
};

if (import.meta.main) {
  const server = Bun.serve({ port: process.env.PORT ?? 3000, routes });
  const worker = tenants.work();
  process.once("SIGTERM", async () => {
    await server.stop();
    await worker.stop();
    await tenants.close();
  });
}
