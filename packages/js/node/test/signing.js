// How this runtime signs requests: also for processes that are no test.
import * as testing from "@knocker/node/testing";

import { Database } from "./opening.js";

export const sign = (provider, body, secret, options) => testing.sign(provider, body, secret, { ...options, driver: Database });
