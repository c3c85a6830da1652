/** The URL as the sender knows it. Some providers sign it, and a proxy in front changes what the server sees. */

import type { Rule } from "../check.js";
import type { Receiver } from "./answer.js";

/** What senders' URLs may begin with. */
export const PUBLIC_URL: Rule = {
  what: "a URL with its scheme, such as https://example.com",
  allows: (value) => typeof value === "string" && /^https?:\/\/[^/]/i.test(value) && URL.canParse(value),
};

/** What the server saw. */
export interface SeenUrl {
  protocol: "http" | "https";
  host: string | undefined;
  /** Path and query. */
  path: string;
  /** `X-Forwarded-Proto` and `X-Forwarded-Host`. */
  forwardedProtocol: string | null | undefined;
  forwardedHost: string | null | undefined;
}

/** `public_url` first, then the proxy's word where it is trusted, then the request itself. */
export function externalUrl(receiver: Receiver, seen: SeenUrl): string {
  if (receiver.publicUrl !== undefined) return receiver.publicUrl.replace(/\/+$/, "") + seen.path;
  const protocol = (receiver.trustProxy && last(seen.forwardedProtocol)) || seen.protocol;
  const host = (receiver.trustProxy && last(seen.forwardedHost)) || seen.host;
  return host ? `${protocol}://${host}${seen.path}` : seen.path;
}

/** Path and query of a request's target, which a proxy may send with a scheme and a host before it. */
export function pathOf(target: string): string {
  if (target.startsWith("/") || !URL.canParse(target)) return target;
  const { pathname, search } = new URL(target);
  return pathname + search;
}

/** The entry of the proxy that is in front of this server: one that appends leaves before it whatever the sender wrote. Repeated lines arrive joined. */
function last(list: string | null | undefined): string | undefined {
  return list?.split(",").pop()?.trim() || undefined;
}
