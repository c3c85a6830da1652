// Nuxt's validators know many senders.

import { validate } from "../nuxt.js";

// `case`, the validator's module and function, and what it calls the secret.
const VALIDATORS = [["meta", "meta", "isValidMetaWebhook", "appSecret"]];

export const oracles = VALIDATORS.map(([name, module, validator, key]) => ({
  case: name,
  library: "nuxt-webhook-validators",
  verify: (request, secret) => validate(module, validator, { [key]: secret }, request),
  refusals: /Missing NUXT_WEBHOOK_/,
}));
