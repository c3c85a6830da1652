import reloading from "@knocker/core/suite/reloading.js";
import { runtime } from "./runtime.js";

reloading(runtime);
