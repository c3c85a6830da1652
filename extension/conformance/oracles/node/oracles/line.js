// LINE's own library.

import { validateSignature } from "@line/bot-sdk";

export const oracles = [
  {
    case: "line",
    library: "@line/bot-sdk",
    verify: (request, secret) => validateSignature(request.body, secret, request.header("x-line-signature")),
    differs: { "a blank secret": "the library signs with an empty key; Knocker verifies nothing with one" },
  },
];
