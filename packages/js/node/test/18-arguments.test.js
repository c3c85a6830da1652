import refusals from "@knocker/core/suite/arguments.js";
import { runtime } from "./runtime.js";

refusals(runtime);
