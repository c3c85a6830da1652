import processes from "@knocker/core/suite/processes.js";
import { runtime } from "./runtime.js";

processes(runtime);
