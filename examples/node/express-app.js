// The shop behind Express: `node express-app.js`, and `npx knocker-worker shop.js` beside it.
import express from "express";

import { github, hooks, stripe } from "./shop.js";

const app = express();
// Before any body parser: signatures are over the raw bytes.
app.post("/webhooks/stripe", stripe.express());
app.post("/webhooks/github", github.express());

app.use(express.json());
app.get("/health", async (request, response) => {
  const { events } = await hooks.stats();
  response.json({ waiting: events.received + events.failed, dead: events.dead });
});

const server = app.listen(process.env.PORT ?? 3000);

process.once("SIGTERM", async () => {
  server.close();
  await hooks.close();
});
