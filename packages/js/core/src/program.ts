/** The `knocker` command, which comes with the library of the platform: `npx knocker`. */

import { spawn } from "node:child_process";
import { constants } from "node:os";

import { inPlatformPackage, platformPackages } from "./library.js";

/** Where the platform package of npm has it; undefined where none is installed. */
export function programPath(): string | undefined {
  return inPlatformPackage(process.platform === "win32" ? "knocker.exe" : "knocker");
}

/** Runs it in place of this process, as far as that can be; returns its exit code. */
export async function runProgram(argv: string[]): Promise<number> {
  const program = programPath();
  if (program === undefined) {
    process.stderr.write(
      `knocker: no command for ${process.platform} ${process.arch}: ${platformPackages().join(" or ")} is not installed. Install with optional dependencies\n`,
    );
    return 127;
  }
  const child = spawn(program, argv, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.once("error", (error) => {
      process.stderr.write(`knocker: ${program} does not run: ${error.message}\n`);
      resolve(126);
    });
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
