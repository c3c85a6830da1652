// Resend's own library.

import { Resend } from "resend";

const { webhooks } = new Resend("re_not_a_key");

export const oracles = [
  {
    case: "resend",
    library: "resend",
    verify: (request, webhookSecret) => {
      const headers = Object.fromEntries(["id", "timestamp", "signature"].map((name) => [name, request.header(`svix-${name}`)]));
      return webhooks.verify({ payload: request.body, headers, webhookSecret });
    },
    refusals: /WebhookVerificationError|Secret can't be empty/,
  },
];
