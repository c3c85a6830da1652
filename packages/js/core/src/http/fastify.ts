/** Fastify: a route that takes its requests before they are parsed. */

import type { IncomingMessage, ServerResponse } from "node:http";

import type { Receiver } from "./answer.js";
import { type NodeHandler, serve } from "./express.js";

type Taken = (request: { raw: IncomingMessage }, reply: { raw: ServerResponse; hijack(): unknown }) => Promise<void>;

/** What is used of a Fastify instance. */
export interface FastifyLike {
  route(options: { method: string[]; url: string; preParsing: Taken; handler: Taken }): unknown;
}

/** A plugin for `fastify.register(…)`. */
export type FastifyPlugin = (instance: FastifyLike) => Promise<void>;

/** All that every Fastify knows: which of them a provider sends with is for the endpoint to say. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** The plugin of one endpoint at one path. */
export function handleFastify(receiver: Receiver, path: string): FastifyPlugin {
  return fastifyPlugin(path, (request, response) => serve(receiver, request, response));
}

/** A plugin that gives Node's own request and response to `handle`. */
export function fastifyPlugin(url: string, handle: NodeHandler): FastifyPlugin {
  const take: Taken = async (request, reply) => {
    reply.hijack();
    await handle(request.raw, reply.raw);
  };
  return async (instance) => {
    instance.route({
      method: METHODS,
      url,
      // Before Fastify's own parsing, which would read the bytes, and refuses what has no content type that it knows. The `onRequest` hooks of the
      // application have run by now; those that come after parsing do not.
      preParsing: take,
      handler: take,
    });
  };
}
