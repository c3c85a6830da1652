// Box's own library.

import { WebhooksManager } from "box-node-sdk/lib/managers/webhooks";

const AHEAD = "the library refuses every timestamp ahead of its clock, also by a second; Knocker allows for clocks that differ";

export const oracles = [
  {
    case: "box",
    library: "box-node-sdk",
    verify: ({ body, lowerCased }, secret) => WebhooksManager.validateMessage(body, lowerCased, secret, { secondaryKey: secret }),
    differs: {
      "a timestamp ahead of the clock": AHEAD,
      "a blank secret": "the library signs with an empty key; Knocker verifies nothing with one",
    },
  },
];
