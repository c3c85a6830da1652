import disk from "@knocker/core/suite/disk.js";
import { runtime } from "./runtime.js";

disk(runtime);
