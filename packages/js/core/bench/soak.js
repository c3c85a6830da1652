// Genuine requests while two strangers send the dearest requests there are: what those wait, and what another process waits for the write lock.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { request } from "./load.js";

/** So long each phase lasts; quiet and attacked ones alternate, so that a disk that changes its mind changes it for both. */
const PHASE_MS = 1500;
const ROUNDS = 4;

/** Genuine senders, and the pause of each between two requests, in milliseconds. */
const SENDERS = 4;
const PAUSE_MS = 15;

const script = (name) => fileURLToPath(new URL(name, import.meta.url));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts a script; `ask` writes a line and settles with the line that comes back. */
function start(name, ...args) {
  // The signatures of the attack are longer than the headers that servers take by default.
  const child = spawn(process.execPath, ["--max-http-header-size=262144", script(name), ...args], { stdio: ["pipe", "pipe", "inherit"] });
  let buffered = "";
  let waiting;
  child.stdout.on("data", (chunk) => {
    buffered += chunk;
    const end = buffered.indexOf("\n");
    if (end < 0 || !waiting) return;
    const line = buffered.slice(0, end);
    buffered = buffered.slice(end + 1);
    waiting(line);
  });
  const line = () => new Promise((resolve) => (waiting = resolve));
  return {
    line,
    ask: (word) => {
      const answer = line();
      child.stdin.write(`${word}\n`);
      return answer;
    },
    end: async () => {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

/** A genuine sender: latencies go to `latencies` until `going()` is over. */
async function send(port, latencies, going) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  while (going()) {
    const begin = performance.now();
    socket.write(request());
    const [chunk] = await once(socket, "data");
    if (chunk.toString("latin1", 9, 12) !== "200") throw new Error(`a genuine request was answered ${chunk.toString("latin1", 0, 40)}`);
    latencies.push(performance.now() - begin);
    await pause(PAUSE_MS);
  }
  socket.destroy();
}

/** Latencies of genuine receipts and waits of another process's writes, in milliseconds, with and without the attack; and how many requests it came to. */
export async function soak(folder) {
  const file = join(folder, "soak.db");
  const server = start("server.js", "soak", file);
  const port = Number(await server.line());
  const writer = start("other-writer.js", file);
  await writer.line();
  const attack = start("attack.js", String(port));
  await attack.line();
  const result = { quiet: { latencies: [], waits: [] }, attacked: { latencies: [], waits: [] }, requests: 0 };
  const phase = async ({ latencies, waits }, ms = PHASE_MS) => {
    await writer.ask("begin");
    const end = performance.now() + ms;
    await Promise.all(Array.from({ length: SENDERS }, () => send(port, latencies, () => performance.now() < end)));
    waits.push(...JSON.parse(await writer.ask("end")));
  };
  await phase({ latencies: [], waits: [] }, 500);
  for (let round = 0; round < ROUNDS; round++) {
    await phase(result.quiet);
    await attack.ask("begin");
    await phase(result.attacked);
    result.requests += Number(await attack.ask("end"));
  }
  await Promise.all([attack.end(), writer.end(), server.end()]);
  return result;
}
