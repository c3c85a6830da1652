/** `knocker-worker <module> [--export name] [--concurrency n]`: a worker as a process of its own. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { UsageError } from "./errors.js";
import { INTERNALS, Hooks } from "./hooks.js";
import { whenRunnerEnds } from "./parent.js";
import { Tenants } from "./tenants.js";

const USAGE = `usage: knocker-worker <module> [--export <name>] [--concurrency <n>] [--lease <seconds>]

Imports the module, takes the hooks that it exports (as \`hooks\`, as the default export, or under --export), or what openMany gave (as \`tenants\`), and runs its handlers
until SIGTERM or SIGINT, or until npx or npm, which started it, has ended. Then it lets the running handlers come to their end and gives back the rest.
`;

/** Runs the command; returns the exit code. */
export async function runWorkerCommand(argv: string[]): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        export: { type: "string" },
        concurrency: { type: "string", default: "1" },
        lease: { type: "string", default: "60" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    process.stderr.write(`knocker-worker: ${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (positionals.length !== 1) {
    process.stderr.write(USAGE);
    return 2;
  }
  const hooks = await findHooks(positionals[0]!, values.export);
  if (!hooks) return 2;
  if (hooks instanceof Hooks && [...hooks[INTERNALS].endpoints.values()].every(({ handlers }) => handlers.empty)) {
    await hooks.close();
    process.stderr.write(
      `knocker-worker: ${positionals[0]} registers no handler, so there is nothing to work on: add \`endpoint.on(type, handler)\`\n`,
    );
    return 2;
  }
  let worker;
  try {
    worker = hooks.work({ concurrency: Number(values.concurrency), leaseS: Number(values.lease) });
  } catch (error) {
    await hooks.close();
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`knocker-worker: ${error.message}\n`);
    return 2;
  }
  const stop = () => void worker.stop();
  process.once("SIGTERM", stop).once("SIGINT", stop);
  whenRunnerEnds(stop);
  process.stderr.write(`knocker-worker: ${worker.name} works on ${hooks instanceof Hooks ? hooks.file : hooks.pattern}\n`);
  await worker.done;
  await hooks.close();
  return 0;
}

async function findHooks(file: string, exportName: string | undefined): Promise<Hooks<object> | Tenants<object> | undefined> {
  if (!existsSync(resolve(file))) {
    process.stderr.write(`knocker-worker: there is no file ${file}\n`);
    return undefined;
  }
  const module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  const names = exportName === undefined ? ["hooks", "tenants", "default"] : [exportName];
  for (const name of names) {
    const exported = module[name];
    if (exported instanceof Hooks || exported instanceof Tenants) return exported;
  }
  process.stderr.write(`knocker-worker: ${file} exports no Hooks as ${names.join(" or ")}: add \`export const hooks = open(…)\`\n`);
  return undefined;
}
