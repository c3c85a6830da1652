import warnings from "../../js/suite/warnings.js";
import { runtime } from "./runtime.js";

warnings(runtime);
