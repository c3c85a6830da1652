export { runWorkerCommand } from "@knocker/core/command.js";
