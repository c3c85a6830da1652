import leftovers from "../../js/suite/leftovers.js";
import { runtime } from "./runtime.js";

leftovers(runtime);
