// Stripe's library signs and verifies.

import Stripe from "stripe";

import { NOW_MS } from "../case.js";

const { webhooks } = new Stripe("sk_test_not_a_key");

export const oracles = [
  {
    case: "stripe",
    library: "stripe",
    verify: (request, secret) => webhooks.constructEvent(Buffer.from(request.body), request.header("Stripe-Signature"), secret),
    sign: ({ request, secret }) => {
      const header = webhooks.generateTestHeaderString({ payload: request.body, secret, timestamp: NOW_MS / 1000 });
      return request.withHeaders({ "Stripe-Signature": header });
    },
    refusals: /StripeSignatureVerificationError|No stripe-signature header value|No webhook secret/i,
  },
];
