// A file for each tenant: one server receives for all of them, and one worker handles what they got.
import express from "express";
import { openMany } from "@knocker/node";

/** Runs each time that a tenant's file is opened. */
function setUp(hooks, tenant) {
  // STRIPE_WEBHOOK_SECRET_ACME: of your configuration, or your vault.
  const secret = process.env[`STRIPE_WEBHOOK_SECRET_${tenant.toUpperCase()}`];
  const stripe = hooks.endpoint("stripe", { provider: "stripe", secrets: [secret] });

  // What it writes is in the file of that tenant.
  stripe.on("invoice.paid", (event, tx) => {
    tx.exec("CREATE TABLE IF NOT EXISTS payments (event TEXT PRIMARY KEY)");
    tx.prepare("INSERT INTO payments VALUES (?) ON CONFLICT DO NOTHING").run(event.key);
  });
}

// tenants/acme.db is acme's. `await tenants.create("globex")` makes one.
export const tenants = openMany(`${process.env.TENANTS ?? "tenants"}/*.db`, setUp);

// https://acme.shop.example/webhooks/stripe is for acme. Who there is no file of is answered with 404.
export const app = express();
app.use(
  "/webhooks",
  tenants.express((request) => request.headers.host?.split(".")[0]),
);

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const server = app.listen(process.env.PORT ?? 3000);
  const worker = tenants.work();
  process.once("SIGTERM", async () => {
    server.close();
    await worker.stop();
    await tenants.close();
  });
}
