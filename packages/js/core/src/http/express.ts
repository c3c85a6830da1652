/** Node's `(req, res)`: Express 4 and 5, Connect, `http.createServer`. */

import type { IncomingMessage, ServerResponse } from "node:http";

import type { WebhookResponse } from "../records.js";
import { knockerError } from "../errors.js";
import { badHost, bodyConsumed, internalError, type Receiver, refuse, shortBody } from "./answer.js";
import { announcedLength, type Body, Gathered, isShort, NO_BODY, TOO_LARGE } from "./body.js";
import { externalUrl, partsOf } from "./url.js";

/** A request handler of Node's http and of everything built on it. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** What frameworks add to a request. */
type FrameworkRequest = IncomingMessage & { originalUrl?: string; rawBody?: unknown; body?: unknown };

/** How long a sender may go on sending a body that has been refused, before its connection is cut. */
const LINGER_MS = 5000;

/** The handler of one endpoint. */
export function handleExpress(receiver: Receiver): NodeHandler {
  return (request, response) => serve(receiver, request, response);
}

/**
 * Reads, receives and answers one request. Never throws: Node's http and Express 4 would make that an unhandled rejection. It waits twice, for the body and for the
 * commit, and in one function: each further one that is waited for costs as much as reading the headers.
 */
export async function serve(receiver: Receiver, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body: Body | undefined;
  try {
    let reply: WebhookResponse;
    try {
      const url = urlOf(receiver, request);
      if (url === undefined) reply = badHost();
      else {
        body = await bodyOf(request, receiver);
        // The sender went away in the middle of its request: there is nothing to store and nobody to answer.
        if (!body) return;
        const announced = endedEarly(request, body);
        const { bytes, truncated } = body;
        if (announced !== undefined) reply = shortBody(receiver, bytes.byteLength, announced);
        else {
          const method = request.method ?? "POST";
          reply = (await receiver.receive({ method, url, headers: pairs(request.rawHeaders), body: bytes, truncated })).response;
        }
      }
    } catch (error) {
      reply = refuse(receiver, error);
    }
    if (response.headersSent && !response.writableEnded) {
      throw knockerError(
        "usage",
        "something before Knocker began to answer this request, so the sender gets that and not Knocker's status",
      );
    }
    if (body?.truncated) sendAndLinger(request, response, reply);
    else send(response, reply);
  } catch (error) {
    receiver.report(error, 500);
    // Whatever could not be sent, such as a header that Node refuses: a sender must not wait for its time to run out.
    send(response, internalError());
  }
}

/** How long the body was announced to be, where it has ended before that. */
function endedEarly(request: IncomingMessage, body: Body): number | undefined {
  const { "content-length": length, "content-encoding": encoding, "transfer-encoding": chunks } = request.headers;
  const announced = announcedLength(length, chunks !== undefined);
  return !body.truncated && isShort(body.bytes, announced, encoding) ? announced : undefined;
}

/** The whole body, or its beginning and `truncated`; undefined if the sender went away. */
function bodyOf(request: IncomingMessage, receiver: Receiver): Body | Promise<Body | undefined> {
  const announced = announcedLength(request.headers["content-length"], request.headers["transfer-encoding"] !== undefined);
  // There is none, whatever has looked for it before. HTTP/2 needs no length for one.
  if (announced === 0 && request.httpVersionMajor < 2) return NO_BODY;
  const kept = keptBytes(request);
  if (kept) return kept;
  const limit = receiver.maxBodyBytes();
  return announced !== undefined && announced > limit ? TOO_LARGE : readBody(request, limit);
}

/** The raw bytes that a body parser kept; undefined where the stream has not been touched. */
function keptBytes(request: FrameworkRequest): Body | undefined {
  // Parsers that keep the bytes put them on `rawBody`; express.raw() makes them the body itself. Text was decoded: not the bytes any more.
  for (const kept of [request.rawBody, request.body]) {
    if (!(kept instanceof Uint8Array)) continue;
    // Hardly a sender that announces chunks and sends none.
    if (kept.byteLength === 0 && request.headers["transfer-encoding"] !== undefined) throw bodyConsumed("kept none of its bytes");
    return { bytes: kept, truncated: false };
  }
  if (!request.readableDidRead && !request.readableEnded) return undefined;
  throw bodyConsumed(typeof request.rawBody === "string" ? "kept a text on rawBody where the bytes, a Buffer, are needed" : undefined);
}

/** Reads up to one byte more than the limit; undefined if the sender went away. */
function readBody(request: IncomingMessage, limit: number): Promise<Body | undefined> {
  // The sender went away while something awaited before this: its events are over, and no listener would hear of it.
  if (request.destroyed && !request.readableEnded) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const gathered = new Gathered(limit);
    const onData = (chunk: Buffer) => {
      if (!gathered.add(chunk)) return;
      // What still comes is somebody else's to throw away.
      request.pause().off("data", onData);
      resolve(gathered.body);
    };
    // Of what comes after the first of these, nobody hears: taking the listeners off again would cost more.
    const onEnd = () => resolve(gathered.body);
    const onClose = () => resolve(undefined);
    // A connection that breaks is told by an error and by a close; without a listener the error would end the process.
    request.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  });
}

function urlOf(receiver: Receiver, request: FrameworkRequest): string | undefined {
  return externalUrl(receiver, {
    protocol: (request.socket as { encrypted?: boolean }).encrypted ? "https" : "http",
    host: hostOf(request),
    // The bytes of the request line; a proxy may send them with a scheme and a host before them.
    path: partsOf(request.originalUrl ?? request.url ?? "/").path,
    forwardedProtocol: String(request.headers["x-forwarded-proto"] ?? ""),
    forwardedHost: String(request.headers["x-forwarded-host"] ?? ""),
  });
}

/** HTTP/2 has no Host. Of several, Node keeps the first where whoever is in front may have looked at another: that is none. */
export function hostOf(request: Pick<IncomingMessage, "headers" | "rawHeaders">): string | undefined {
  let hosts = 0;
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === "host") hosts += 1;
  }
  return hosts > 1 ? undefined : (request.headers.host ?? (request.headers[":authority"] as string | undefined));
}

/** `[name, value, name, value, …]` to pairs, repeats kept. HTTP/2 has its request line among them, under names with a colon. */
export function pairs(rawHeaders: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (!name.startsWith(":")) list.push([name, rawHeaders[index + 1]!]);
  }
  return list;
}

/** Answers, unless something else has. */
export function send(response: ServerResponse, reply: WebhookResponse): void {
  if (response.headersSent || response.writableEnded) return;
  response.writeHead(reply.status, withLength(reply)).end(reply.body);
}

/** The headers with the body's length: an answer in chunks would be longer than what it says. */
function withLength(reply: WebhookResponse): Record<string, string> {
  // 204 and 304 have no content, and must not speak of its length.
  if (reply.status === 204 || reply.status === 304) return reply.headers;
  return { ...reply.headers, "content-length": String(Buffer.byteLength(reply.body)) };
}

/**
 * Answers while the sender is still sending. Closing a connection with unread input makes the system reset it, and the sender would see that
 * instead of the answer: so what still comes is read and thrown away for a while.
 */
function sendAndLinger(request: IncomingMessage, response: ServerResponse, reply: WebhookResponse): void {
  if (response.headersSent || response.writableEnded) return;
  // HTTP/2 closes streams, and knows no such header.
  const closing = request.httpVersionMajor >= 2 ? {} : { connection: "close" };
  response.writeHead(reply.status, { ...withLength(reply), ...closing });
  if (reply.body === "") response.flushHeaders();
  else response.write(reply.body);
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.once("end", end).once("close", end).resume();
}
