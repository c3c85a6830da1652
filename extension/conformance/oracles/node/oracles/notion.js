// Notion's own library.

import { signWebhookPayload, verifyWebhookSignature } from "@notionhq/client";

export const oracles = [
  {
    case: "notion",
    library: "@notionhq/client",
    verify: (request, verificationToken) =>
      verifyWebhookSignature({ body: request.body, signature: request.header("X-Notion-Signature"), verificationToken }),
    sign: async ({ request, secret }) => {
      const signature = await signWebhookPayload({ body: request.body, verificationToken: secret });
      return request.withHeaders({ "X-Notion-Signature": signature });
    },
    refusals: /Zero-length key is not supported/,
  },
];
