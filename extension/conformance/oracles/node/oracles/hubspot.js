// HubSpot's own library.

import { Signature } from "@hubspot/api-client";

import { NOW_MS } from "../case.js";

const BLANK = { "a blank secret": "the library signs with an empty key; Knocker verifies nothing with one" };

// Versions 1 and 2 share their header.
function old(signatureVersion) {
  const signed = ({ method, url, body: requestBody }, clientSecret) => ({ method, url, requestBody, clientSecret, signatureVersion });
  return {
    case: `hubspot-${signatureVersion}`,
    library: "@hubspot/api-client",
    verify: (request, secret) => Signature.isValid({ ...signed(request, secret), signature: request.header("X-HubSpot-Signature") }),
    sign: ({ request, secret }) => {
      const signature = Signature.getSignature(request.method, signatureVersion, signed(request, secret));
      return request.withHeaders({ "X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": signatureVersion });
    },
    differs: BLANK,
  };
}

const v3 = {
  case: "hubspot-v3",
  library: "@hubspot/api-client",
  verify: ({ method, url, body: requestBody, lowerCased }, clientSecret) => {
    const timestamp = Number(lowerCased["x-hubspot-request-timestamp"]);
    const signature = lowerCased["x-hubspot-signature-v3"];
    return Signature.isValid({ method, url, requestBody, clientSecret, timestamp, signature, signatureVersion: "v3" });
  },
  sign: ({ request, secret }) => {
    const options = { url: request.url, requestBody: request.body, clientSecret: secret, timestamp: NOW_MS };
    const signature = Signature.getSignature(request.method, "v3", options);
    return request.withHeaders({ "X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": String(NOW_MS) });
  },
  refusals: /Timestamp is invalid/,
  differs: {
    ...BLANK,
    "escapes that HubSpot decodes before it signs": "the library takes the URL as given and leaves the decoding to its caller",
  },
};

export const oracles = [old("v1"), old("v2"), v3];
