// The servers of Bun that all endpoints are mounted in, below /webhooks. Where `reads.body` is true, something in front reads the body.
import { once } from "node:events";
import { createServer } from "node:http";

import express from "express";
import { Hono } from "hono";

import { bunServer, listen } from "./servers.js";

const inFront = (reads, url) => reads.body && !url.endsWith("/fence");

async function consume(request) {
  request.resume();
  if (!request.readableEnded) await once(request, "end");
}

/** Names, and what serves the endpoints of `hooks`. */
export const httpServers = {
  "Bun.serve": (hooks, reads) =>
    bunServer({
      routes: {
        "/webhooks/*": async (request) => {
          if (inFront(reads, request.url)) await request.arrayBuffer();
          return hooks.fetch(request);
        },
      },
      fetch: () => new Response("the app itself", { status: 404 }),
    }),
  "Hono on Bun": (hooks, reads) => {
    const app = new Hono();
    app.use(async (context, next) => {
      if (inFront(reads, context.req.path)) await context.req.raw.arrayBuffer();
      await next();
    });
    app.all("/webhooks/*", hooks.hono());
    return bunServer({ fetch: app.fetch });
  },
  "node:http on Bun": (hooks, reads) => {
    const webhooks = hooks.express();
    const server = createServer(async (request, response) => {
      if (inFront(reads, request.url)) await consume(request);
      await webhooks(request, response);
    });
    return listen(server.listen(0, "127.0.0.1"));
  },
  "Express 5 on Bun": (hooks, reads) => {
    const app = express();
    app.use((request, response, next) => (inFront(reads, request.path) ? consume(request).then(() => next(), next) : next()));
    app.use("/webhooks", hooks.express());
    return listen(app.listen(0, "127.0.0.1"));
  },
};
