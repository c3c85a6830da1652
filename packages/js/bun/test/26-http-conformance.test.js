import httpConformance from "../../core/suite/http-conformance.js";
import { httpServers } from "./http-servers.js";
import { runtime } from "./runtime.js";

httpConformance(runtime, httpServers);
