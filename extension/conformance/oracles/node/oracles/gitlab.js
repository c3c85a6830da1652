// GitLab's signing tokens are those of Standard Webhooks.

import { oracles as standard } from "./standard_webhooks.js";

export const oracles = standard.map((oracle) => ({ ...oracle, case: "gitlab-signing-token" }));
