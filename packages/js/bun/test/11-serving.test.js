import serving from "@knocker/core/suite/serving.js";
import { runtime } from "./runtime.js";
import { servers } from "./servers.js";

serving(runtime, servers);
