import judging from "@knocker/core/suite/judging.js";
import { runtime } from "./runtime.js";

judging(runtime);
