export { runProgram } from "@knocker/core/program.js";
