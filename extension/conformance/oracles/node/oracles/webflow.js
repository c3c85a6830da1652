// Webflow's own library.

import { WebflowClient } from "webflow-api";

const { webhooks } = new WebflowClient({ accessToken: "not a token" });
const NO_CLOCK = "the library leaves the age of a request to its caller; Knocker allows for as long as Webflow tries again";

export const oracles = [
  {
    case: "webflow",
    library: "webflow-api",
    verify: ({ body, lowerCased: headers }, secret) => webhooks.verifySignature({ headers, body, secret }),
    refusals: /Zero-length key is not supported/,
    differs: { "a second more than that": NO_CLOCK },
  },
];
