// Nuxt's validators know many senders.

import { validate } from "../nuxt.js";

const NO_CLOCK = "the validator has no clock; Twitch's documentation drops messages older than ten minutes";
const ONE_WAY = "the validator refuses only old timestamps; Polar's library measures both ways";
const NO_VERSION = "the validator does not look at the version; Knocker takes only the one it can check";
const FIRST_ONLY = "the validator looks at the first signature only; any may match";
const AS_TEXT = "the validator knows only secrets that are text; Polar's library knows both forms";

// `case`, the validator's module and function, what it calls the secret, and where it is known to differ from Knocker.
const VALIDATORS = [
  ["meta", "meta", "isValidMetaWebhook", "appSecret"],
  ["bitbucket", "bitbucket", "isValidBitbucketWebhook", "secretKey"],
  ["vercel", "vercel", "isValidVercelWebhook", "secretKey"],
  ["dropbox", "dropbox", "isValidDropboxWebhook", "appSecret"],
  ["docusign", "docusign", "isValidDocusignWebhook", "secretKey"],
  ["cal-com", "calcom.post", "isValidCalcomWebhook", "secretKey"],
  ["gitlab", "gitlab", "isValidGitLabWebhook", "secretToken"],
  ["twitch", "twitch", "isValidTwitchWebhook", "secretKey", { "a second more than that": NO_CLOCK }],
  [
    "polar",
    "polar",
    "isValidPolarWebhook",
    "secretKey",
    {
      "a timestamp ahead of the clock": ONE_WAY,
      "only an unknown version": NO_VERSION,
      "several signatures, the last is right": FIRST_ONLY,
      "a secret in the form of Standard Webhooks": AS_TEXT,
    },
  ],
];

export const oracles = VALIDATORS.map(([name, module, validator, key, differs = {}]) => ({
  case: name,
  library: "nuxt-webhook-validators",
  verify: (request, secret) => validate(module, validator, { [key]: secret }, request),
  refusals: /Missing NUXT_WEBHOOK_/,
  differs,
}));
