/** `Request` in, `Response` out: `Bun.serve`, Next.js, Hono and everything else that speaks fetch. */

import type { HeadersInput, Reply } from "../receive.js";
import { answer, bodyConsumed, type Receiver, refuse } from "./answer.js";
import { externalUrl } from "./url.js";

/** What a framework knows better than its `Request` tells. */
export interface FrameworkFacts {
  /** The headers as they came, repeats kept: `Request.headers` joins them. */
  headers?: HeadersInput;
  /** The raw bytes, where something read them and kept them. */
  bytes?: ArrayBuffer;
}

/** Receives one request. Never throws. */
export async function handleFetch(receiver: Receiver, request: Request, facts: FrameworkFacts = {}): Promise<Response> {
  try {
    const body = facts.bytes ? { bytes: facts.bytes, truncated: false } : await readBody(request, receiver.maxBodyBytes());
    // Nobody is there to read this answer.
    if (!body) return new Response(null, { status: 400 });
    const reply = await answer(receiver, {
      method: request.method,
      url: urlOf(receiver, request),
      headers: facts.headers ?? request.headers,
      body: body.bytes,
      truncated: body.truncated,
    });
    return respond(reply);
  } catch (error) {
    return respond(refuse(receiver, error));
  }
}

/** A `Response` of what the core wants to be said. */
export function respond(reply: Reply): Response {
  // A status without content must not have a body, not even an empty one.
  const empty = reply.status === 204 || reply.status === 304;
  return new Response(empty ? null : reply.body, { status: reply.status, headers: reply.headers });
}

/** Reads up to one byte more than the limit; undefined if the sender went away. */
async function readBody(request: Request, limit: number): Promise<{ bytes: Uint8Array | ArrayBuffer; truncated: boolean } | undefined> {
  // Locked: a middleware has taken the stream and may not have read from it yet.
  if (request.bodyUsed || request.body?.locked) throw bodyConsumed();
  const announced = Number(request.headers.get("content-length") ?? NaN);
  try {
    // The server holds senders to the length they announce, and the runtime's own reading is the fastest.
    if (announced <= limit) return { bytes: await request.arrayBuffer(), truncated: false };
    if (!request.body) return { bytes: new Uint8Array(), truncated: false };
    return await readStream(request.body, limit);
  } catch {
    return undefined;
  }
}

async function readStream(stream: ReadableStream<Uint8Array>, limit: number): Promise<{ bytes: Uint8Array; truncated: boolean }> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size <= limit) {
    const { done, value } = await reader.read();
    if (done) return { bytes: Buffer.concat(chunks, size), truncated: false };
    chunks.push(value);
    size += value.byteLength;
  }
  // Not awaited: what the sender still sends is nobody's business, and some runtimes settle this only when it is through.
  reader.cancel().catch(() => {});
  return { bytes: Buffer.concat(chunks, limit + 1), truncated: true };
}

function urlOf(receiver: Receiver, request: Request): string {
  const { protocol, host, pathname, search } = new URL(request.url);
  return externalUrl(receiver, {
    protocol: protocol === "https:" ? "https" : "http",
    host,
    path: pathname + search,
    forwardedProtocol: request.headers.get("x-forwarded-proto"),
    forwardedHost: request.headers.get("x-forwarded-host"),
  });
}
