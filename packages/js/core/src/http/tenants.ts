/** The endpoints of many tenants under one path: the application says whose a request is, the last segment of its URL names the endpoint. */

import type { IncomingMessage } from "node:http";

import { knockerError, UnknownTenantError } from "../errors.js";
import { type Hooks, INTERNALS } from "../hooks.js";
import { logOf } from "../log.js";
import type { OpenOptions } from "../options.js";
import type { WebhookResponse } from "../records.js";
import { Telling } from "../telling.js";
import { notFound, type Receiver, refuse } from "./answer.js";
import { type NodeHandler, send, serve } from "./express.js";
import { type FastifyPlugin, fastifyPlugin } from "./fastify.js";
import { handleFetch, respond } from "./fetch.js";
import { handleHono, type HonoContext, type HonoHandler } from "./hono.js";
import { lastSegment } from "./router.js";

/** Says whose a request is, by its host, its path or a header; undefined where nobody's. */
export type FindTenant<Request> = (request: Request) => string | undefined | null | PromiseLike<string | undefined | null>;

/** What is used of `Tenants`. */
interface Files<Tx extends object> {
  hooks<T>(tenant: string, use: (hooks: Hooks<Tx>) => T | PromiseLike<T>): Promise<T>;
}

/** Who takes the request, or what is to be answered. */
type Found = { receiver: Receiver } | { reply: WebhookResponse };

/** Routes of many tenants. */
export class TenantRoutes<Tx extends object> {
  readonly #files: Files<Tx>;
  readonly #options: OpenOptions;

  constructor(files: Files<Tx>, options: OpenOptions) {
    this.#files = files;
    this.#options = options;
  }

  express(tenantOf: FindTenant<IncomingMessage>): NodeHandler {
    return async (request, response) => {
      const target = (request as IncomingMessage & { originalUrl?: string }).originalUrl ?? request.url ?? "/";
      const found = await this.#find(() => tenantOf(request), target);
      if ("receiver" in found) return serve(found.receiver, request, response);
      request.resume();
      send(response, found.reply);
    };
  }

  fetch(tenantOf: FindTenant<Request>): (request: Request) => Promise<Response> {
    return async (request) => {
      const found = await this.#find(() => tenantOf(request), String((request as Request | undefined)?.url));
      return "receiver" in found ? handleFetch(found.receiver, request) : respond(found.reply);
    };
  }

  hono(tenantOf: FindTenant<HonoContext>): HonoHandler {
    return async (context) => {
      const found = await this.#find(() => tenantOf(context), String(context?.req?.raw?.url));
      return "receiver" in found ? handleHono(found.receiver)(context) : respond(found.reply);
    };
  }

  fastify(tenantOf: FindTenant<IncomingMessage>): FastifyPlugin {
    return fastifyPlugin("/*", this.express(tenantOf));
  }

  /** Never throws. */
  async #find(tenantOf: () => ReturnType<FindTenant<unknown>>, target: string): Promise<Found> {
    const name = lastSegment(target);
    const telling = new Telling(logOf(this.#options.logger), this.#options);
    let whose: string | undefined;
    const report = (error: unknown, status: number) => telling.unstored(error, name, status, whose);
    try {
      const tenant = await tenantOf();
      if (typeof tenant !== "string") return { reply: notFound() };
      whose = tenant;
      return await this.#files.hooks(tenant, (hooks) => {
        const endpoint = hooks[INTERNALS].endpoints.get(name);
        if (!endpoint) return { reply: notFound() };
        const { publicUrl, trustProxy } = endpoint;
        const limit = endpoint.maxBodyBytes();
        // The file need not stay open while the body comes: a sender that takes its time would keep a place for nothing.
        const receive: Receiver["receive"] = (request) => this.#files.hooks(tenant, (open) => endpointOf(open, name).receive(request));
        return { receiver: { name, publicUrl, trustProxy, maxBodyBytes: () => limit, receive, report } };
      });
    } catch (error) {
      if (error instanceof UnknownTenantError) return { reply: notFound() };
      return { reply: refuse({ report } as Receiver, error) };
    }
  }
}

function endpointOf<Tx extends object>(hooks: Hooks<Tx>, name: string) {
  const endpoint = hooks[INTERNALS].endpoints.get(name);
  if (!endpoint) throw knockerError("unknown_endpoint", `no endpoint is named ${JSON.stringify(name)}`);
  return endpoint;
}
