import { spawn } from "node:child_process";
import { once } from "node:events";

/** Starts a program; what it says is collected in `told`. */
export function start(program, args, options) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
  const told = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) child[stream].on("data", (chunk) => (told[stream] += chunk));
  const exited = once(child, "exit").then(([code, signal]) => ({ code, signal, ...told }));
  return { child, told, exited };
}
