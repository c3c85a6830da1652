// A library that knows the header of Meta and GitHub.

import XHubSignature from "x-hub-signature";

export const oracles = [
  {
    case: "meta",
    library: "x-hub-signature",
    verify: (request, secret) => new XHubSignature("sha256", secret).verify(request.header("X-Hub-Signature-256"), request.body),
    sign: ({ request, secret }) => request.withHeaders({ "X-Hub-Signature-256": new XHubSignature("sha256", secret).sign(request.body) }),
    refusals: /Secret is required/,
  },
];
