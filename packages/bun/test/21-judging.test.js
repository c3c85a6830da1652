import judging from "../../js/suite/judging.js";
import { runtime } from "./runtime.js";

judging(runtime);
