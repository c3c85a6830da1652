// GoCardless's own library.

import { parse } from "gocardless-nodejs/webhooks";

export const oracles = [
  {
    case: "gocardless",
    library: "gocardless-nodejs",
    verify: (request, secret) => parse(request.body, secret, request.header("Webhook-Signature")),
    refusals: /InvalidSignatureError/,
    differs: { "a blank secret": "the library signs with an empty key; Knocker verifies nothing with one" },
  },
];
