import tenants from "@knocker/core/suite/tenants.js";
import { runtime } from "./runtime.js";

tenants(runtime);
