// Slack's own framework.

import { verifySlackRequest } from "@slack/bolt";

import { accepted } from "../oracle.js";

export const oracles = [
  {
    case: "slack",
    library: "@slack/bolt",
    verify: ({ lowerCased, body }, signingSecret) => {
      const headers = { ...lowerCased, "x-slack-request-timestamp": Number(lowerCased["x-slack-request-timestamp"]) };
      return accepted(verifySlackRequest({ signingSecret, body, headers }));
    },
    refusals: /Failed to verify authenticity/,
    differs: {
      "a timestamp ahead of the clock":
        "Bolt refuses only old timestamps; Slack's documentation and its library for Python measure both ways",
    },
  },
];
