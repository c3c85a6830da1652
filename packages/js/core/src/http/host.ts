/** The `Host` of a request: what a sender may write there, and what cannot be part of a URL. */

/** A name or an address with an optional port (RFC 9110 7.2): no space, no `/`, no `@`, which would move the border between host and path. */
const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()*+,;=%-]+)(?::\d{1,5})?$/i;

/** Longer names exist nowhere: 253 letters, and a port. */
const LONGEST = 259;

/** Whether a URL can be made with this host. Missing is not. */
export function isHost(host: string | null | undefined): host is string {
  return typeof host === "string" && host.length <= LONGEST && HOST.test(host) && URL.canParse(`http://${host}/`);
}
