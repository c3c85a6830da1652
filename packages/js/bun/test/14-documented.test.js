import documented from "@knocker/core/suite/documented.js";
import { runtime } from "./runtime.js";

documented(runtime, "bun");
