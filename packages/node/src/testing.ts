/** For tests of an application on Node: `sign`, `frozenClock`, `drain`. */

import type { Connection } from "../../js/src/driver.js";
import { loadOn } from "../../js/src/library.js";
import { signOn, type SignedRequest, type SignOptions } from "../../js/src/testing.js";
import { chooseDriver, type DriverChoice } from "./drivers.js";

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
  options: SignOptions & { extension?: string; driver?: DriverChoice } = {},
): SignedRequest {
  const { extension, driver, ...rest } = options;
  if (!scratch) {
    scratch = chooseDriver(driver).open(":memory:");
    loadOn(scratch, extension);
  }
  return signOn(scratch, provider, body, secret, rest);
}
