/** By what others know an event again. */

import { createHash } from "node:crypto";

/** What an event is known by. */
interface Known {
  id: number;
  endpoint: string;
  key: string | null;
  receivedAt: Date;
  body: Uint8Array;
}

/** Endpoint and key; of an event without a key its number, its time and a hash of its body. */
export function idempotencyKeyOf({ id, endpoint, key, receivedAt, body }: Known): string {
  if (key !== null) return `${escaped(endpoint)}/${escaped(key)}`;
  const digest = createHash("sha256").update(body).digest("hex").slice(0, 32);
  return `${escaped(endpoint)}+${id}.${receivedAt.getTime()}.${digest}`;
}

/** Other bytes are = and two digits, so that no two keys become one, and so that a header or a URL can hold it. */
function escaped(text: string): string {
  return text.replace(/[^A-Za-z0-9_.-]+/g, (others) =>
    [...new TextEncoder().encode(others)].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}
