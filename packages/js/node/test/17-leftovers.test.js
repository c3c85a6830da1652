import leftovers from "@knocker/core/suite/leftovers.js";
import { runtime } from "./runtime.js";

leftovers(runtime);
