import processes from "../../js/suite/processes.js";
import { runtime } from "./runtime.js";

processes(runtime);
