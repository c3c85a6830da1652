// Discord's library for interactions.

import { verifyKey } from "discord-interactions";

export const oracles = [
  {
    case: "discord",
    library: "discord-interactions",
    verify: (request, publicKey) =>
      verifyKey(request.body, request.header("X-Signature-Ed25519"), request.header("X-Signature-Timestamp"), publicKey),
  },
];
