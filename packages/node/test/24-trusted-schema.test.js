import trustedSchema from "../../js/suite/trusted-schema.js";
import { runtime } from "./runtime.js";

trustedSchema(runtime);
