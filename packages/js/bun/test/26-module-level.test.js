import moduleLevel from "@knocker/core/suite/module-level.js";
import { runtime } from "./runtime.js";

moduleLevel(runtime);
