import trustedSchema from "@knocker/core/suite/trusted-schema.js";
import { runtime } from "./runtime.js";

trustedSchema(runtime);
