import receive from "@knocker/core/suite/receive.js";
import { runtime } from "./runtime.js";

receive(runtime);
