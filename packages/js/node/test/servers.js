// The servers of Node that an endpoint is mounted in.
import { createServer } from "node:http";
import { once } from "node:events";

import { serve as serveHono } from "@hono/node-server";
import express4 from "express-4";
import express5 from "express";
import Fastify from "fastify";
import { Hono } from "hono";

/** What the suite needs of a server. */
export async function listen(server) {
  if (!server.listening) await once(server, "listening");
  return {
    port: server.address().port,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function expressServer(express) {
  return (endpoint) => {
    const app = express();
    app.post("/webhooks/github", endpoint.express());
    return listen(app.listen(0, "127.0.0.1"));
  };
}

/** Fastify with a route of its own beside the endpoint. */
export async function fastifyServer(endpoint) {
  const app = Fastify();
  app.register(endpoint.fastify());
  app.post("/api", async (request) => request.body);
  await app.listen({ port: 0, host: "127.0.0.1" });
  return { port: app.server.address().port, close: () => (app.server.closeAllConnections(), app.close()) };
}

/** Names, and what serves an endpoint under /webhooks/github. */
export const servers = {
  "node:http": (endpoint) => listen(createServer(endpoint.express()).listen(0, "127.0.0.1")),
  "Express 5": expressServer(express5),
  "Express 4": expressServer(express4),
  Fastify: fastifyServer,
  "Hono on Node": (endpoint) => {
    const app = new Hono();
    app.post("/webhooks/github", endpoint.hono());
    return listen(serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }));
  },
};
