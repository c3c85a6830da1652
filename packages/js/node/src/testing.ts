/** For tests of an application on Node: `sign`, `frozenClock`, `drain`, `onFile`. */

import { check, OBJECT } from "@knocker/core/check.js";
import { signWith, type SignedRequest, type SignOptions } from "@knocker/core/testing.js";
import { anyDriver, type DriverChoice } from "./drivers.js";

export {
  type Attempted,
  drain,
  type Drained,
  frozenClock,
  type FrozenClock,
  onFile,
  type OnFile,
  type SignedRequest,
  type SignOptions,
} from "@knocker/core/testing.js";

/**
 * A request as the provider would send it, signed with this secret.
 * @param body bytes, text, or an object to send as JSON.
 */
export function sign(
  provider: string,
  body: Uint8Array | ArrayBuffer | string | object,
  secret: string,
  options: SignOptions & { extension?: string; driver?: DriverChoice } = {},
): SignedRequest {
  check("sign", "options", options, OBJECT);
  const { extension, driver, ...rest } = options;
  return signWith(anyDriver(driver), extension, provider, body, secret, rest);
}
