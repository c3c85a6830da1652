// A library that knows the header; Intercom has none of its own for webhooks.

import XHubSignature from "x-hub-signature";

export const oracles = [
  {
    case: "intercom",
    library: "x-hub-signature",
    verify: (request, secret) => new XHubSignature("sha1", secret).verify(request.header("X-Hub-Signature"), request.body),
    sign: ({ request, secret }) => request.withHeaders({ "X-Hub-Signature": new XHubSignature("sha1", secret).sign(request.body) }),
    refusals: /Secret is required/,
  },
];
