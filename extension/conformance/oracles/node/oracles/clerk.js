// Clerk's own library.

import { verifyWebhook } from "@clerk/backend/webhooks";

export const oracles = [
  {
    case: "clerk",
    library: "@clerk/backend",
    verify: (request, signingSecret) => verifyWebhook(request.fetched, { signingSecret }),
    refusals: /Unable to verify incoming webhook|Missing required webhook headers|Missing webhook signing secret|Secret can't be empty/,
  },
];
