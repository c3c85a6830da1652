/** All endpoints under one path: the last segment of the URL names the endpoint. */

import type { IncomingMessage } from "node:http";

import { notFound, type Receiver } from "./answer.js";
import { type NodeHandler, send, serve } from "./express.js";
import { handleFetch, respond } from "./fetch.js";
import { partsOf } from "./url.js";

/** Finds an endpoint of this process by name. */
export type FindReceiver = (name: string) => Receiver | undefined;

/** `app.use("/webhooks", hooks.express())`. */
export function routeExpress(find: FindReceiver): NodeHandler {
  return async (request, response) => {
    const target = (request as IncomingMessage & { originalUrl?: string }).originalUrl ?? request.url ?? "/";
    const name = lastSegment(partsOf(target).path);
    const receiver = find(name);
    if (receiver) return serve(receiver, request, response);
    const reply = notFound(name);
    request.resume();
    send(response, reply);
  };
}

/** `Bun.serve({ routes: { "/webhooks/*": hooks.fetch } })`. */
export function routeFetch(find: FindReceiver): (request: Request) => Promise<Response> {
  return async (request) => {
    const name = lastSegment(partsOf(String((request as Request | undefined)?.url)).path);
    const receiver = find(name);
    return receiver ? handleFetch(receiver, request) : respond(notFound(name));
  };
}

function lastSegment(path: string): string {
  const segment = path.split("?")[0]!.replace(/\/+$/, "").split("/").pop() ?? "";
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
