import disk from "../../js/suite/disk.js";
import { runtime } from "./runtime.js";

disk(runtime);
