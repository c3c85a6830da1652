/** Runners of scripts (npm, npx, bunx, `node --run`) put themselves, or a shell, before a program, and do not all pass signals on: they end, and it goes on. */

/** What they leave in the environment. */
const RUNNERS = ["npm_command", "npm_lifecycle_event", "npm_execpath", "NODE_RUN_SCRIPT_NAME"];

/** How often the parent is looked at, in milliseconds. */
const LOOK_EVERY_MS = 250;

/** Calls back once the runner that started this process has ended. A program that was started without one may well outlive its parent. */
export function whenRunnerEnds(callback: () => void): void {
  if (!RUNNERS.some((name) => process.env[name])) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, LOOK_EVERY_MS);
  timer.unref();
}
