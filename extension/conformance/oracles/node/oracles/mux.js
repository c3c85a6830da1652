// Mux's own library.

import Mux from "@mux/mux-node";

import { accepted } from "../oracle.js";

const { webhooks } = new Mux({ tokenId: "test", tokenSecret: "not a secret" });

export const oracles = [
  {
    case: "mux",
    library: "@mux/mux-node",
    verify: ({ body, lowerCased }, secret) => accepted(webhooks.verifySignature(body, lowerCased, secret)),
    refusals: /signature|timestamp|webhook secret/i,
  },
];
