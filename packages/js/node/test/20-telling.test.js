import telling from "@knocker/core/suite/telling.js";
import { runtime } from "./runtime.js";

telling(runtime);
