// The quick start of packages/js/bun/README.md in one file: server and worker.
import { open } from "@knocker/bun";

const hooks = open("app.db");
const stripe = hooks.endpoint("stripe", { provider: "stripe", secrets: [process.env.STRIPE_WEBHOOK_SECRET] });

stripe.on("checkout.session.completed", (event, tx) => {
  tx.run("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)");
  tx.query("INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING").run(event.json().data.object.id);
});

const server = Bun.serve({
  port: process.env.PORT ?? 3000,
  routes: { "/webhooks/stripe": { POST: stripe.fetch } },
});

hooks.work();

process.once("SIGTERM", async () => {
  await server.stop();
  await hooks.close();
});
