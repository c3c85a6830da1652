/** For tests of an application on Bun: `sign`, `frozenClock`, `drain`. */

import type { Connection } from "../../js/src/driver.js";
import { loadOn } from "../../js/src/library.js";
import { signOn, type SignedRequest, type SignOptions } from "../../js/src/testing.js";
import { bunSqlite } from "./bun-sqlite.js";

export { drain, type Drained, frozenClock, type FrozenClock, type SignedRequest, type SignOptions } from "../../js/src/testing.js";

let scratch: Connection<object> | undefined;

/**
 * A request as the provider would send it, signed with this secret.
 * @param body bytes, text, or an object to send as JSON.
 */
export function sign(
  provider: string,
  body: Uint8Array | string | object,
  secret: string,
  options: SignOptions & { extension?: string } = {},
): SignedRequest {
  const { extension, ...rest } = options;
  if (!scratch) {
    scratch = bunSqlite.open(":memory:");
    loadOn(scratch, extension);
  }
  return signOn(scratch, provider, body, secret, rest);
}
