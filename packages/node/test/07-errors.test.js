import errors from "../../js/suite/errors.js";
import { runtime } from "./runtime.js";

errors(runtime);
