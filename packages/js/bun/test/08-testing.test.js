import testing from "@knocker/core/suite/testing.js";
import { runtime } from "./runtime.js";

testing(runtime);
