import fetching from "../../js/suite/fetching.js";
import { runtime } from "./runtime.js";

fetching(runtime);
