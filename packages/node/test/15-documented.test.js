import documented from "../../js/suite/documented.js";
import { runtime } from "./runtime.js";

documented(runtime, "node");
