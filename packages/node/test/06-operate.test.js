import operate from "../../js/suite/operate.js";
import { runtime } from "./runtime.js";

operate(runtime);
