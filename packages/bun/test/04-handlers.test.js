import handlers from "../../js/suite/handlers.js";
import { runtime } from "./runtime.js";

handlers(runtime);
