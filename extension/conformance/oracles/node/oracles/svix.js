// Svix's own library.

import { Webhook } from "svix";

import { NOW_MS } from "../case.js";

export const oracles = [
  {
    case: "svix",
    library: "svix",
    verify: (request, secret) => new Webhook(secret).verify(request.body, request.lowerCased),
    sign: ({ request, secret }) => {
      const signature = new Webhook(secret).sign(request.header("svix-id"), new Date(NOW_MS), request.body);
      return request.withHeaders({ "svix-timestamp": String(NOW_MS / 1000), "svix-signature": signature });
    },
    refusals: /WebhookVerificationError|Secret can't be empty/,
    differs: {
      "a blank secret": "the library takes a prefix without a key and signs with an empty one; Knocker verifies nothing with one",
    },
  },
];
