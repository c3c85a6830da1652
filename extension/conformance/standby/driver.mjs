// The Node or Bun package as a receiver that is killed: as driver.py. KNOCKER_STANDBY_PACKAGE is the folder of the built package; its tests say how it opens a database.
import { writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const { open } = await import(
  join(process.env.KNOCKER_STANDBY_PACKAGE, "test/opening.js")
);

const [path, socket, callers] = process.argv.slice(2);
const hooks = open(path, {
  busyTimeoutMs: 60_000,
  replicated: socket || undefined,
  replicatedTimeoutMs: 60_000,
});
const inbox = hooks.endpoint("inbox", {});
let number = 0;

async function receive() {
  for (;;) {
    const key = `key-${number++}`;
    await inbox.ingest(
      { valid: true, type: "order.paid", key },
      '{"paid": true}',
    );
    writeSync(1, `${key}\n`);
  }
}

writeSync(1, "ready\n");
for await (const _ of createInterface({ input: process.stdin })) break;
for (let caller = 0; caller < Number(callers); caller++) receive();
