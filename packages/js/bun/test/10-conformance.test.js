import conformance from "@knocker/core/suite/conformance.js";
import { runtime } from "./runtime.js";

conformance(runtime);
