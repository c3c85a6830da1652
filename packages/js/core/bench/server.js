// A server to be measured: `server.js knocker|soak|by-hand|nothing <file>`. `nothing` reads a request and answers it. Prints its port; answers GET /delay with its event loop delay and CPU time.
import { monitorEventLoopDelay } from "node:perf_hooks";

import { receiverByHand } from "./by-hand.js";
import { SECRET } from "./requests.js";

const [kind, file] = process.argv.slice(2);
const { open, openRaw, listen, rawBody } = await import(process.env.KNOCKER_BENCH_SERVER);

const delay = monitorEventLoopDelay({ resolution: 1 });
let cpu = process.cpuUsage();
delay.enable();

function report() {
  const { user, system } = process.cpuUsage(cpu);
  const figures = { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6, cpuMs: (user + system) / 1000 };
  delay.reset();
  cpu = process.cpuUsage();
  return figures;
}

let handler;
if (kind === "knocker") {
  const hooks = open(file);
  handler = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
} else if (kind === "soak") {
  handler = open(file, { logger: false });
  handler.endpoint("github", { provider: "github", secrets: [SECRET] });
  // Any key: nothing that the strangers send was signed with it.
  handler.endpoint("svix", { provider: "svix", secrets: [`whpk_${Buffer.alloc(32, 1).toString("base64")}`], maxBodyBytes: 2_000_000 });
  handler.endpoint("mailgun", { provider: "mailgun", secrets: [SECRET], maxBodyBytes: 2_000_000 });
} else handler = rawBody(kind === "nothing" ? () => 200 : receiverByHand(openRaw(file)));
console.log(await listen(handler, report));
