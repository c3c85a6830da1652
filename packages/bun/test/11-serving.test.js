import serving from "../../js/suite/serving.js";
import { runtime } from "./runtime.js";
import { servers } from "./servers.js";

serving(runtime, servers);
