/** `Request` in, `Response` out: `Bun.serve`, Next.js, Hono and everything else that speaks fetch. */

import type { HeadersInput } from "../request.js";
import type { WebhookResponse } from "../records.js";
import { badHost, bodyConsumed, type Receiver, refuse, shortBody } from "./answer.js";
import { announcedLength, type Body, Gathered, isShort, NO_BODY, TOO_LARGE } from "./body.js";
import { externalUrl, partsOf } from "./url.js";

/** What a framework knows better than its `Request` tells. */
export interface FrameworkFacts {
  /** The headers as they came, repeats kept: `Request.headers` joins them. */
  headers?: HeadersInput;
  /** The `Host` as it came, null where none did: `Request.url` may have one that the framework put there. */
  host?: string | null;
  /** The target of the request line as it came: `Request.url` has it written anew. */
  target?: string;
  /** The raw bytes, where something read them and kept them. */
  bytes?: ArrayBuffer;
}

/** Receives one request. Never throws. */
export async function handleFetch(receiver: Receiver, request: Request, facts: FrameworkFacts = {}): Promise<Response> {
  try {
    const url = urlOf(receiver, request, facts);
    if (url === undefined) return respond(badHost());
    // Hardly a sender that announces chunks and sends none.
    if (facts.bytes?.byteLength === 0 && request.headers.has("transfer-encoding")) throw bodyConsumed("kept none of its bytes");
    const body = facts.bytes ? { bytes: facts.bytes, truncated: false } : await readBody(request, receiver.maxBodyBytes());
    // Nobody is there to read this answer.
    if (!body) return new Response(null, { status: 400 });
    const announced = announcedLength(request.headers.get("content-length"), true);
    if (announced !== undefined && !body.truncated && isShort(body.bytes, announced, request.headers.get("content-encoding"))) {
      return respond(shortBody(receiver, body.bytes.byteLength, announced));
    }
    const { bytes, truncated } = body;
    const receipt = await receiver.receive({
      method: request.method,
      url,
      headers: facts.headers ?? request.headers,
      body: bytes,
      truncated,
    });
    return respond(receipt.response);
  } catch (error) {
    return respond(refuse(receiver, error));
  }
}

/** A `Response` of what the core wants to be said. */
export function respond(reply: WebhookResponse): Response {
  // A status without content must not have a body, not even an empty one.
  const empty = reply.status === 204 || reply.status === 304;
  // Made here, because some frameworks look at headers only when they write them, and show the sender what is wrong with them.
  return new Response(empty ? null : reply.body, { status: reply.status, headers: new Headers(reply.headers) });
}

/** Reads up to one byte more than the limit; undefined if the sender went away. */
async function readBody(request: Request, limit: number): Promise<Body | undefined> {
  const announced = announcedLength(request.headers.get("content-length"), true);
  if (announced === 0) return NO_BODY;
  // Locked: a middleware has taken the stream and may not have read from it yet.
  if (request.bodyUsed || request.body?.locked) throw bodyConsumed();
  if (announced !== undefined && announced > limit) return TOO_LARGE;
  try {
    // The server holds senders to the length they announce, and the runtime's own reading is the fastest.
    if (announced !== undefined) return { bytes: new Uint8Array(await request.arrayBuffer()), truncated: false };
    return request.body ? await readStream(request.body, limit) : NO_BODY;
  } catch {
    return undefined;
  }
}

async function readStream(stream: ReadableStream<Uint8Array>, limit: number): Promise<Body> {
  const reader = stream.getReader();
  const gathered = new Gathered(limit);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return gathered.body;
    if (gathered.add(value)) break;
  }
  // Not awaited: what the sender still sends is nobody's business, and some runtimes settle this only when it is through.
  reader.cancel().catch(() => {});
  return gathered.body;
}

/** Not by `new URL`, which throws: a server makes `Request.url` of whatever stands in `Host`, and leaves it a path where that is none. */
function urlOf(receiver: Receiver, request: Request, facts: FrameworkFacts): string | undefined {
  const { host, path } = partsOf(request.url);
  return externalUrl(receiver, {
    protocol: /^https:/i.test(request.url) ? "https" : "http",
    host: facts.host === undefined ? (request.headers.get("host") ?? host) : facts.host,
    path: facts.target === undefined ? path : partsOf(facts.target).path,
    forwardedProtocol: request.headers.get("x-forwarded-proto"),
    forwardedHost: request.headers.get("x-forwarded-host"),
  });
}
