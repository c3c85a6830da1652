// The shop behind Fastify: `node fastify-app.js`, and `npx knocker-worker shop.js` beside it.
import Fastify from "fastify";

import { github, hooks, stripe } from "./shop.js";

const app = Fastify();
app.register(stripe.fastify("/webhooks/stripe"));
app.register(github.fastify("/webhooks/github"));

await app.listen({ port: Number(process.env.PORT ?? 3000) });

process.once("SIGTERM", async () => {
  await app.close();
  await hooks.close();
});
