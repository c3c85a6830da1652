import sharedCommits from "@knocker/core/suite/shared-commits.js";
import { runtime } from "./runtime.js";

sharedCommits(runtime);
