import handlers from "@knocker/core/suite/handlers.js";
import { runtime } from "./runtime.js";

handlers(runtime);
