// Tern verifies the webhooks of many senders by tables of its own, and those of others as configured.

import tern from "@hookflo/tern";

const { WebhookVerificationService } = tern;
const BLANK = { "a blank secret": "Tern signs with an empty key; Knocker verifies nothing with one" };

// Knocker's name of the case, and Tern's of the platform.
const PLATFORMS = { "lemon-squeezy": "lemonsqueezy", sentry: "sentry", woocommerce: "woocommerce" };

const byPlatform = Object.entries(PLATFORMS).map(([name, platform]) => ({
  case: name,
  library: "@hookflo/tern",
  verify: async (request, secret) => (await WebhookVerificationService.verifyWithPlatformConfig(request.fetched, platform, secret)).isValid,
  differs: BLANK,
}));

const TIMESTAMPED = {
  algorithm: "hmac-sha256",
  headerName: "x-signature",
  headerFormat: "raw",
  timestampHeader: "x-timestamp",
  timestampFormat: "unix",
  payloadFormat: "custom",
  customConfig: { payloadFormat: "{timestamp}.{body}", encoding: "base64", secretEncoding: "utf8" },
};
const TOKEN = { algorithm: "custom", headerName: "x-webhook-token", customConfig: { type: "token-based" } };
const GITLAB_TOKEN = { ...TOKEN, headerName: "x-gitlab-token" };

// `case`, Tern's configuration for it, and where Tern is known to differ from Knocker.
const CONFIGURED = [
  ["hmac-timestamped", TIMESTAMPED, BLANK],
  ["token", TOKEN],
  ["postmark-header", TOKEN],
  ["gitlab", GITLAB_TOKEN],
];

const byConfiguration = CONFIGURED.map(([name, signatureConfig, differs = {}]) => ({
  case: name,
  library: "@hookflo/tern",
  verify: async (request, secret) => {
    const config = { platform: "unknown", secret, signatureConfig };
    return (await WebhookVerificationService.verify(request.fetched, config)).isValid;
  },
  differs,
}));

export const oracles = [...byPlatform, ...byConfiguration];
