import testing from "../../js/suite/testing.js";
import { runtime } from "./runtime.js";

testing(runtime);
