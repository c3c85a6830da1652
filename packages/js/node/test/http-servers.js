// The servers of Node that all endpoints are mounted in, below /webhooks. Where `reads.body` is true, something in front reads the body.
import { once } from "node:events";
import { createServer } from "node:http";

import { serve as serveHono } from "@hono/node-server";
import express4 from "express-4";
import express5 from "express";
import Fastify from "fastify";
import { Hono } from "hono";

import { listen } from "./servers.js";

const ELSEWHERE = "the app itself";
const inFront = (reads, path) => reads.body && !path.endsWith("/fence");

async function consume(request) {
  request.resume();
  if (!request.readableEnded) await once(request, "end");
}

function expressServer(express) {
  return (hooks, reads) => {
    const app = express();
    app.use((request, response, next) => (inFront(reads, request.path) ? consume(request).then(() => next(), next) : next()));
    app.use("/webhooks", hooks.express());
    app.use((request, response) => void response.status(404).send(ELSEWHERE));
    return listen(app.listen(0, "127.0.0.1"));
  };
}

/** Names, and what serves the endpoints of `hooks`. */
export const httpServers = {
  "node:http": (hooks, reads) => {
    const webhooks = hooks.express();
    const server = createServer(async (request, response) => {
      if (inFront(reads, request.url)) await consume(request);
      await webhooks(request, response);
    });
    return listen(server.listen(0, "127.0.0.1"));
  },
  "Express 5": expressServer(express5),
  "Express 4": expressServer(express4),
  Fastify: async (hooks, reads) => {
    const app = Fastify();
    app.addHook("onRequest", async ({ raw }) => (inFront(reads, raw.url) ? consume(raw) : undefined));
    app.register(hooks.fastify(), { prefix: "/webhooks" });
    await app.listen({ port: 0, host: "127.0.0.1" });
    return { port: app.server.address().port, close: () => (app.server.closeAllConnections(), app.close()) };
  },
  "Hono on Node": (hooks, reads) => {
    const app = new Hono();
    app.use(async (context, next) => {
      if (inFront(reads, context.req.path)) await context.req.raw.arrayBuffer();
      await next();
    });
    app.all("/webhooks/*", hooks.hono());
    return listen(serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }));
  },
};
