// The quick start of packages/js/node/README.md in one file: server and worker.
import express from "express";
import { open } from "@knocker/node";

const hooks = open("app.db");
const stripe = hooks.endpoint("stripe", { provider: "stripe", secrets: [process.env.STRIPE_WEBHOOK_SECRET] });

stripe.on("checkout.session.completed", (event, tx) => {
  tx.exec("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)");
  tx.prepare("INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING").run(event.json().data.object.id);
});

const app = express();
app.post("/webhooks/stripe", stripe.express());
const server = app.listen(process.env.PORT ?? 3000);

hooks.work();

process.once("SIGTERM", async () => {
  server.close();
  await hooks.close();
});
