// Tern verifies the webhooks of many senders by tables of its own.

import tern from "@hookflo/tern";

const { WebhookVerificationService } = tern;

// `case` and Tern's name for the provider.
const PLATFORMS = { "lemon-squeezy": "lemonsqueezy" };

const byPlatform = Object.entries(PLATFORMS).map(([name, platform]) => ({
  case: name,
  library: "@hookflo/tern",
  verify: async (request, secret) =>
    (await WebhookVerificationService.verifyWithPlatformConfig(request.fetched, platform, secret)).isValid,
}));

// A shared secret in a header of one's choice.
const byToken = ["token", "postmark-header"].map((name) => ({
  case: name,
  library: "@hookflo/tern",
  verify: async (request, secret) => {
    const signatureConfig = { algorithm: "custom", headerName: "x-webhook-token", customConfig: { type: "token-based" } };
    const config = { platform: "custom", secret, signatureConfig };
    return (await WebhookVerificationService.verify(request.fetched, config)).isValid;
  },
}));

export const oracles = [...byPlatform, ...byToken];
