// The reference library of the specification.

import { Webhook } from "standardwebhooks";

import { NOW_MS } from "../case.js";

export const oracles = [
  {
    case: "standard-webhooks",
    library: "standardwebhooks",
    verify: (request, secret) => new Webhook(secret).verify(request.body, request.lowerCased),
    sign: ({ request, secret }) => {
      const signature = new Webhook(secret).sign(request.header("webhook-id"), new Date(NOW_MS), request.body);
      return request.withHeaders({ "webhook-timestamp": String(NOW_MS / 1000), "webhook-signature": signature });
    },
    refusals: /WebhookVerificationError|Secret can't be empty/,
  },
];
