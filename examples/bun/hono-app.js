// The shop behind Hono: `bun hono-app.js`. The worker runs in the same process.
import { Hono } from "hono";

import { github, hooks, stripe } from "./shop.js";

const app = new Hono();
app.post("/webhooks/stripe", stripe.hono());
app.post("/webhooks/github", github.hono());

const server = Bun.serve({ port: process.env.PORT ?? 3000, fetch: app.fetch });
const worker = hooks.work({ concurrency: 2 });

process.once("SIGTERM", async () => {
  await server.stop();
  await worker.stop();
  await hooks.close();
});
