import warnings from "@knocker/core/suite/warnings.js";
import { runtime } from "./runtime.js";

warnings(runtime);
