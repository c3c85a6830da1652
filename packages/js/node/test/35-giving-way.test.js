import givingWay from "@knocker/core/suite/giving-way.js";
import { GivingWay } from "../dist/core/giving-way.js";
import { runtime } from "./runtime.js";

givingWay(runtime, GivingWay);
