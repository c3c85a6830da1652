// Linear's own library.

import { LinearWebhookClient } from "@linear/sdk/webhooks";

export const oracles = [
  {
    case: "linear",
    library: "@linear/sdk",
    verify: (request, secret) => new LinearWebhookClient(secret).verify(Buffer.from(request.body), request.header("Linear-Signature")),
    refusals: /(Invalid|Missing) webhook (signature|timestamp)|secret must be a non-empty string/,
  },
];
