import replaced from "../../js/suite/replaced.js";
import { runtime } from "./runtime.js";

replaced(runtime);
