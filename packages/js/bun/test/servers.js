// The servers of Bun that an endpoint is mounted in.
import { once } from "node:events";
import { createServer } from "node:http";

import express from "express";
import { Hono } from "hono";

export function bunServer(fetch) {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", ...fetch });
  return { port: server.port, close: () => server.stop(true) };
}

export async function listen(server) {
  if (!server.listening) await once(server, "listening");
  return { port: server.address().port, close: () => (server.closeAllConnections(), server.close()) };
}

/** Names, and what serves an endpoint under /webhooks/github. */
export const servers = {
  "Bun.serve": (endpoint) => bunServer({ routes: { "/webhooks/github": { POST: endpoint.fetch } } }),
  "Hono on Bun": (endpoint) => {
    const app = new Hono();
    app.post("/webhooks/github", endpoint.hono());
    return bunServer({ fetch: app.fetch });
  },
  "node:http on Bun": (endpoint) => listen(createServer(endpoint.express()).listen(0, "127.0.0.1")),
  "Express 5 on Bun": (endpoint) => {
    const app = express();
    app.post("/webhooks/github", endpoint.express());
    return listen(app.listen(0, "127.0.0.1"));
  },
};
