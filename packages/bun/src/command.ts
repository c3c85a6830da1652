export { runWorkerCommand } from "../../js/src/command.js";
