import worker from "@knocker/core/suite/worker.js";
import { runtime } from "./runtime.js";

worker(runtime);
