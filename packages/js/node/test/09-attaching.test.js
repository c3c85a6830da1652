import attaching from "@knocker/core/suite/attaching.js";
import { runtime } from "./runtime.js";

attaching(runtime);
