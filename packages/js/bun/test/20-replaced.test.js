import replaced from "@knocker/core/suite/replaced.js";
import { runtime } from "./runtime.js";

replaced(runtime);
