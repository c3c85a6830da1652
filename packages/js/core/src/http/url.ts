/** The URL as the sender knows it. Some providers sign it, and a proxy in front changes what the server sees. */

import type { Rule } from "../check.js";
import type { Receiver } from "./answer.js";
import { isHost } from "./host.js";

/** What senders' URLs may begin with. */
export const PUBLIC_URL: Rule = {
  what: "a URL with its scheme, such as https://example.com",
  allows: (value) => typeof value === "string" && /^https?:\/\/[^/]/i.test(value) && URL.canParse(value),
};

/** What the server saw. */
export interface SeenUrl {
  protocol: "http" | "https";
  host: string | null | undefined;
  /** Path and query, byte for byte as sent where the runtime still has them. */
  path: string;
  /** `X-Forwarded-Proto` and `X-Forwarded-Host`. */
  forwardedProtocol: string | null | undefined;
  forwardedHost: string | null | undefined;
}

/**
 * `public_url` first, then the proxy's word where it is trusted, then the request itself. Undefined where the host is missing or is none, or a proxy says a scheme that is none: such a request is
 * answered 400, also where its host is not used.
 */
export function externalUrl(receiver: Receiver, seen: SeenUrl): string | undefined {
  const forwarded = receiver.trustProxy ? last(seen.forwardedHost) : undefined;
  if (!isHost(seen.host) || (forwarded !== undefined && !isHost(forwarded))) return undefined;
  if (receiver.publicUrl !== undefined) return receiver.publicUrl.replace(/\/+$/, "") + seen.path;
  const protocol = (receiver.trustProxy && last(seen.forwardedProtocol)?.toLowerCase()) || seen.protocol;
  if (protocol !== "http" && protocol !== "https") return undefined;
  return `${protocol}://${forwarded ?? seen.host}${seen.path}`;
}

const TARGET = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)([^#]*)/i;

/** Host, path and query of a request's target, or of a URL, with their letters as they are: nothing is parsed and written again. */
export function partsOf(target: string): { host: string | undefined; path: string } {
  // What nearly every request has: no scheme, and nothing behind a `#`.
  if (target.startsWith("/") && !target.includes("#")) return { host: undefined, path: target };
  const [, host, path] = TARGET.exec(target) ?? [];
  if (path === undefined) return { host: undefined, path: target.split("#")[0]! };
  return { host, path: path.startsWith("/") ? path : `/${path}` };
}

/** The entry of the proxy that is in front of this server: one that appends leaves before it whatever the sender wrote. Repeated lines arrive joined. */
function last(list: string | null | undefined): string | undefined {
  return list?.split(",").pop()?.trim() || undefined;
}
