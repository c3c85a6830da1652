import conformance from "../../js/suite/conformance.js";
import { runtime } from "./runtime.js";

conformance(runtime);
