import loading from "@knocker/core/suite/loading.js";
import { runtime } from "./runtime.js";

loading(runtime);
