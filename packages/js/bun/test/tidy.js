// Loaded before all tests: `bun test` ends its process without the event by which the suite removes its folders elsewhere.
import { afterAll } from "bun:test";

import { removeFolders } from "@knocker/core/suite/workplace.js";

afterAll(removeFolders);
