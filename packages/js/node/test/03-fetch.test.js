import fetching from "@knocker/core/suite/fetching.js";
import { runtime } from "./runtime.js";

fetching(runtime);
