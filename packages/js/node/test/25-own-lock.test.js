import ownLock from "@knocker/core/suite/own-lock.js";
import { runtime } from "./runtime.js";

ownLock(runtime);
