// Octokit signs and verifies for GitHub.

import { sign, verify } from "@octokit/webhooks-methods";

export const oracles = [
  {
    case: "github",
    library: "@octokit/webhooks-methods",
    verify: (request, secret) => verify(secret, request.body, request.header("X-Hub-Signature-256")),
    sign: async ({ request, secret }) => request.withHeaders({ "X-Hub-Signature-256": await sign(secret, request.body) }),
    refusals: /secret, eventPayload & signature required/,
  },
];
