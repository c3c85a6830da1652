import errors from "@knocker/core/suite/errors.js";
import { runtime } from "./runtime.js";

errors(runtime);
