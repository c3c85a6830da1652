import receive from "../../js/suite/receive.js";
import { runtime } from "./runtime.js";

receive(runtime);
