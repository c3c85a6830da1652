// The shop behind Hono: `node hono-app.js`. The worker runs in the same process.
import { serve } from "@hono/node-server";
import { Hono } from "hono";

import { github, hooks, stripe } from "./shop.js";

const app = new Hono();
app.post("/webhooks/stripe", stripe.hono());
app.post("/webhooks/github", github.hono());

app.get("/health", async (c) => {
  const { events } = await hooks.stats();
  return c.json({ waiting: events.received + events.failed, dead: events.dead });
});

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) });
const worker = hooks.work({ concurrency: 2 });

process.once("SIGTERM", async () => {
  server.close();
  await worker.stop();
  await hooks.close();
});
