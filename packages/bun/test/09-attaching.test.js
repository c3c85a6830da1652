import attaching from "../../js/suite/attaching.js";
import { runtime } from "./runtime.js";

attaching(runtime);
