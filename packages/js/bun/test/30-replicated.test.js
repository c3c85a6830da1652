import replicated from "@knocker/core/suite/replicated.js";
import { runtime } from "./runtime.js";

replicated(runtime);
