import closing from "@knocker/core/suite/closing.js";
import { runtime } from "./runtime.js";

closing(runtime);
