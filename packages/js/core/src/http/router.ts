/** All endpoints under one path: the last segment of the URL names the endpoint. */

import type { IncomingMessage } from "node:http";

import { notFound, type Receiver } from "./answer.js";
import { type NodeHandler, send, serve } from "./express.js";
import { type FastifyPlugin, fastifyPlugin } from "./fastify.js";
import { handleFetch, respond } from "./fetch.js";
import { handleHono, type HonoHandler } from "./hono.js";
import { partsOf } from "./url.js";

/** Finds an endpoint of this process by name. */
export type FindReceiver = (name: string) => Receiver | undefined;

/** `app.use("/webhooks", hooks.express())`. */
export function routeExpress(find: FindReceiver): NodeHandler {
  return async (request, response) => {
    const target = (request as IncomingMessage & { originalUrl?: string }).originalUrl ?? request.url ?? "/";
    const receiver = find(lastSegment(target));
    if (receiver) return serve(receiver, request, response);
    request.resume();
    send(response, notFound());
  };
}

/** `Bun.serve({ routes: { "/webhooks/*": hooks.fetch } })`. */
export function routeFetch(find: FindReceiver): (request: Request) => Promise<Response> {
  return async (request) => {
    const receiver = find(lastSegment(String((request as Request | undefined)?.url)));
    return receiver ? handleFetch(receiver, request) : respond(notFound());
  };
}

/** `app.all("/webhooks/*", hooks.hono())`. */
export function routeHono(find: FindReceiver): HonoHandler {
  return async (context) => {
    const receiver = find(lastSegment(String(context?.req?.raw?.url)));
    return receiver ? handleHono(receiver)(context) : respond(notFound());
  };
}

/** `app.register(hooks.fastify(), { prefix: "/webhooks" })`. */
export function routeFastify(find: FindReceiver): FastifyPlugin {
  return fastifyPlugin("/*", routeExpress(find));
}

/** What names the endpoint. */
export function lastSegment(target: string): string {
  const segment = partsOf(target).path.split("?")[0]!.replace(/\/+$/, "").split("/").pop() ?? "";
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
