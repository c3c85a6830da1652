import refusals from "../../js/suite/arguments.js";
import { runtime } from "./runtime.js";

refusals(runtime);
