import tracing from "@knocker/core/suite/tracing.js";
import { runtime } from "./runtime.js";

tracing(runtime);
