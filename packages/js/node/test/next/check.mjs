// Builds and serves the app with the real Next, and sends it a signed request and a forged one.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

const SECRET = "test-secret";
const env = { ...process.env, GITHUB_WEBHOOK_SECRET: SECRET, NEXT_TELEMETRY_DISABLED: "1" };
const next = [process.execPath, "node_modules/next/dist/bin/next"];

for (const bundler of ["--turbopack", "--webpack"]) {
  const built = spawnSync(next[0], [next[1], "build", bundler], { env, stdio: "inherit" });
  assert.equal(built.status, 0, `next build ${bundler}`);
  assert.equal(existsSync("app.db"), false, "nothing is opened by a build");
}
const server = spawn(next[0], [next[1], "start", "-p", "0"], { env, stdio: ["ignore", "pipe", "inherit"] });
try {
  const address = await new Promise((resolve, reject) => {
    let said = "";
    server.stdout.on("data", (chunk) => {
      said += chunk;
      const found = /http:\/\/localhost:\d+/.exec(said);
      if (found && said.includes("Ready")) resolve(found[0]);
    });
    server.on("exit", () => reject(new Error(`next start ended: ${said}`)));
  });
  const body = JSON.stringify({ ref: "refs/heads/main" });
  const send = (signature) =>
    fetch(`${address}/webhooks/github`, {
      method: "POST",
      body,
      headers: { "X-GitHub-Event": "push", "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": `sha256=${signature}` },
    });
  assert.equal((await send(createHmac("sha256", SECRET).update(body).digest("hex"))).status, 200);
  assert.equal((await send("00")).status, 401);
  const outcomes = new DatabaseSync("app.db", { readOnly: true }).prepare("SELECT outcome FROM knocker_deliveries ORDER BY id").all();
  assert.deepEqual(
    outcomes.map(({ outcome }) => outcome),
    ["accepted", "invalid"],
  );
  console.log("Next builds with both bundlers, serves, and stores what it is sent");
} finally {
  server.kill();
}
