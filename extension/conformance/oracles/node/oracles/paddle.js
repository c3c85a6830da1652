// Paddle's own library.

import { LogLevel, Paddle } from "@paddle/paddle-node-sdk";

const { webhooks } = new Paddle("test", { logLevel: LogLevel.none });

export const oracles = [
  {
    case: "paddle",
    library: "@paddle/paddle-node-sdk",
    verify: (request, secret) => webhooks.isSignatureValid(request.body, secret, request.header("Paddle-Signature")),
    refusals: /Invalid webhook signature/,
    differs: {
      "a timestamp ahead of the clock": "the library refuses only old timestamps; Paddle's library for Python measures both ways",
      "two h1, the first is right": "the library looks at the last h1 only; Paddle's documentation allows several, any of which may match",
      "a blank secret": "the library signs with an empty key; Knocker verifies nothing with one",
    },
  },
];
