/** Hono, on any runtime. */

import { type Receiver, refuse } from "./answer.js";
import { hostOf, pairs } from "./express.js";
import { type FrameworkFacts, handleFetch, respond } from "./fetch.js";

/** What is used of Hono's context. */
export interface HonoContext {
  req: { raw: Request; bodyCache?: unknown };
  env?: unknown;
}

/** Node's own request, as far as it is used. */
interface NodeRequest {
  rawHeaders?: string[];
  headers?: Record<string, string | undefined>;
  url?: string;
}

/** A handler for `app.post(path, …)`. */
export type HonoHandler = (context: HonoContext) => Promise<Response>;

/** The handler of one endpoint. */
export function handleHono(receiver: Receiver): HonoHandler {
  return async (context) => {
    try {
      return await handleFetch(receiver, context.req.raw, await factsOf(context));
    } catch (error) {
      // Only for what is no context of Hono: a throw would show the sender Hono's own page.
      return respond(refuse(receiver, error));
    }
  };
}

async function factsOf(context: HonoContext): Promise<FrameworkFacts> {
  const facts: FrameworkFacts = {};
  // On Node, @hono/node-server passes Node's own request along.
  const incoming = (context.env as { incoming?: NodeRequest } | undefined)?.incoming;
  if (incoming?.rawHeaders && incoming.headers) {
    facts.headers = pairs(incoming.rawHeaders);
    facts.host = hostOf({ rawHeaders: incoming.rawHeaders, headers: incoming.headers }) ?? null;
  }
  if (incoming?.url) facts.target = incoming.url;
  // Hono keeps what a middleware read. Only the bytes will do: its JSON and text are parsed and decoded.
  const cached = (context.req.bodyCache as { arrayBuffer?: unknown } | undefined)?.arrayBuffer;
  // Where it could not be read to its end, the request itself says so.
  const bytes = await Promise.resolve(cached).catch(() => undefined);
  if (bytes instanceof ArrayBuffer) facts.bytes = bytes;
  return facts;
}
