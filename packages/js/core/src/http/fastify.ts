/** Fastify: a route that takes its requests before they are parsed. */

import type { IncomingMessage, ServerResponse } from "node:http";

import type { Receiver } from "./answer.js";
import { serve } from "./express.js";

type Taken = (request: { raw: IncomingMessage }, reply: { raw: ServerResponse; hijack(): unknown }) => Promise<void>;

/** What is used of a Fastify instance. */
export interface FastifyLike {
  route(options: { method: string[]; url: string; preParsing: Taken; handler: Taken }): unknown;
}

/** A plugin for `fastify.register(…)`. */
export type FastifyPlugin = (instance: FastifyLike) => Promise<void>;

/** The plugin of one endpoint at one path. */
export function handleFastify(receiver: Receiver, path: string): FastifyPlugin {
  const take: Taken = async (request, reply) => {
    reply.hijack();
    await serve(receiver, request.raw, reply.raw);
  };
  return async (instance) => {
    instance.route({
      // GET: some providers ask for a challenge with it.
      method: ["GET", "POST", "PUT"],
      url: path,
      // Before Fastify's own parsing, which would read the bytes, and refuses what has no content type that it knows. The `onRequest` hooks of the
      // application have run by now; those that come after parsing do not.
      preParsing: take,
      handler: take,
    });
  };
}
