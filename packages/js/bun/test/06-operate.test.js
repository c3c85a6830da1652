import operate from "@knocker/core/suite/operate.js";
import { runtime } from "./runtime.js";

operate(runtime);
