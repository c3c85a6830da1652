import worker from "../../js/suite/worker.js";
import { runtime } from "./runtime.js";

worker(runtime);
