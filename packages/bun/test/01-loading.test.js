import loading from "../../js/suite/loading.js";
import { runtime } from "./runtime.js";

loading(runtime);
