import newerLibrary from "@knocker/core/suite/newer-library.js";
import { runtime } from "./runtime.js";

newerLibrary(runtime);
