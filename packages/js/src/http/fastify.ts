/** Fastify: a plugin, so that its content type parsers stay away from this route alone. */

import type { IncomingMessage, ServerResponse } from "node:http";

import type { Receiver } from "./answer.js";
import { serve } from "./express.js";

type Done = (error: Error | null, body?: unknown) => void;

/** What is used of a Fastify instance. */
export interface FastifyLike {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(type: string, parser: (request: unknown, payload: unknown, done: Done) => void): unknown;
  route(options: {
    method: string[];
    url: string;
    bodyLimit: number;
    handler: (request: { raw: IncomingMessage }, reply: { raw: ServerResponse; hijack(): unknown }) => Promise<void>;
  }): unknown;
}

/** A plugin for `fastify.register(…)`. */
export type FastifyPlugin = (instance: FastifyLike) => Promise<void>;

/** The plugin of one endpoint at one path. */
export function handleFastify(receiver: Receiver, path: string): FastifyPlugin {
  return async (instance) => {
    instance.removeAllContentTypeParsers();
    // Leaves the stream unread.
    instance.addContentTypeParser("*", (_request, _payload, done) => done(null));
    instance.route({
      // GET: some providers ask for a challenge with it.
      method: ["GET", "POST", "PUT"],
      url: path,
      // The endpoint has its own limit, and records what it refuses.
      bodyLimit: Number.MAX_SAFE_INTEGER,
      handler: async (request, reply) => {
        reply.hijack();
        await serve(receiver, request.raw, reply.raw);
      },
    });
  };
}
