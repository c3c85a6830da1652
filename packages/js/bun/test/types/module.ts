// Compiled, never run: every handler fits its framework, and tx is Bun's database.
import { Database } from "bun:sqlite";
import { Hono } from "hono";

import { attach, open, openMany } from "@knocker/bun";
import { drain, sign } from "@knocker/bun/testing";

const hooks = open("app.db");
const stripe = hooks.endpoint("stripe", { provider: "stripe", secrets: [process.env["STRIPE_WEBHOOK_SECRET"]] });

stripe.on("checkout.session.completed", (event, tx) => {
  const database: Database = tx;
  database.query("INSERT INTO orders (id) VALUES (?)").run(event.json().data.object.id);
});

// Whatever a handler returns is of no interest.
stripe.on("invoice.*", (event, tx) => tx.query("INSERT INTO invoices (id) VALUES (?)").run(event.id));

Bun.serve({ routes: { "/webhooks/stripe": { POST: stripe.fetch }, "/webhooks/*": hooks.fetch } });

const hono = new Hono();
hono.post("/webhooks/stripe", stripe.hono());

export async function test(): Promise<number> {
  await stripe.receive(sign("stripe", "{}", "whsec_test"));
  return (await drain(attach(new Database(":memory:")))).handled;
}

const shops = openMany(
  "shops/*.db",
  async (its, shop) => {
    its.endpoint("orders", { secrets: [shop] }).on("*", (event, tx) => tx.query("INSERT INTO orders VALUES (?)").run(event.id));
  },
  { maxOpen: 8 },
);

export const receive: (request: Request) => Promise<Response> = shops.fetch((request) => request.headers.get("x-shop"));

export async function workForShops(signal: AbortSignal): Promise<void> {
  await shops.work({ concurrency: 2, signal }).done;
  await shops.close();
}
