import metrics from "@knocker/core/suite/metrics.js";
import { runtime } from "./runtime.js";

metrics(runtime);
