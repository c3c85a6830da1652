// Libraries that verify an HMAC as configured.

import tern from "@hookflo/tern";
import XHubSignature from "x-hub-signature";

const { WebhookVerificationService } = tern;

const TIMESTAMPED = {
  algorithm: "hmac-sha256",
  headerName: "x-signature",
  headerFormat: "raw",
  timestampHeader: "x-timestamp",
  timestampFormat: "unix",
  payloadFormat: "custom",
  customConfig: { payloadFormat: "{timestamp}.{body}", encoding: "base64", secretEncoding: "utf8" },
};

export const oracles = [
  {
    case: "hmac",
    library: "x-hub-signature",
    verify: (request, secret) => new XHubSignature("sha512", secret).verify(request.header("X-Hub-Signature"), request.body),
    sign: ({ request, secret }) => request.withHeaders({ "X-Hub-Signature": new XHubSignature("sha512", secret).sign(request.body) }),
    refusals: /Secret is required/,
  },
  {
    case: "hmac-timestamped",
    library: "@hookflo/tern",
    verify: async (request, secret) => {
      const config = { platform: "unknown", secret, signatureConfig: TIMESTAMPED };
      return (await WebhookVerificationService.verify(request.fetched, config)).isValid;
    },
  },
];
