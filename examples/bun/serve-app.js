// The shop behind Bun.serve: `bun serve-app.js`, and `bunx knocker-worker shop.js` beside it.
import { hooks } from "./shop.js";

const server = Bun.serve({
  port: process.env.PORT ?? 3000,
  routes: {
    // Every endpoint of the shop, by the last segment of the path.
    "/webhooks/*": { POST: hooks.fetch },
    "/health": async () => {
      const { events } = await hooks.stats();
      return Response.json({ waiting: events.received + events.failed, dead: events.dead });
    },
  },
});

process.once("SIGTERM", async () => {
  await server.stop();
  await hooks.close();
});
