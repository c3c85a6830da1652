import closing from "../../js/suite/closing.js";
import { runtime } from "./runtime.js";

closing(runtime);
