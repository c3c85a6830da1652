import wire from "@knocker/core/suite/wire.js";
import { runtime } from "./runtime.js";
import { servers } from "./servers.js";

wire(runtime, servers);
