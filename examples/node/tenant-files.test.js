// Each tenant's payments are in its file, and its secret opens no other's.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { sign } from "@knocker/node/testing";

process.env.TENANTS = mkdtempSync(join(tmpdir(), "tenants-"));
process.env.STRIPE_WEBHOOK_SECRET_ACME = "whsec_acme";
process.env.STRIPE_WEBHOOK_SECRET_GLOBEX = "whsec_globex";
const { app, tenants } = await import("./tenant-files.js");

for (const tenant of ["acme", "globex"]) await tenants.create(tenant);
const server = app.listen(0, "127.0.0.1");
await once(server, "listening");
const worker = tenants.work();

after(async () => {
  server.close();
  await worker.stop();
  await tenants.close();
  rmSync(process.env.TENANTS, { recursive: true });
});

async function sent(tenant, { headers, body }) {
  const host = `${tenant}.shop.example`;
  const sending = request({ host: "127.0.0.1", port: server.address().port, path: "/webhooks/stripe", method: "POST" });
  for (const [name, value] of Object.entries({ ...headers, host })) sending.setHeader(name, value);
  sending.end(body);
  const [answer] = await once(sending, "response");
  answer.resume();
  return answer.statusCode;
}

/** The payments in a tenant's file, once its event is handled. */
function payments(tenant) {
  return tenants.hooks(tenant, async (hooks) => {
    while ((await hooks.stats()).events.handled === 0) await new Promise((resolve) => setImmediate(resolve));
    return hooks.query("SELECT event FROM payments");
  });
}

test("a payment is its tenant's alone", async () => {
  const paid = sign("stripe", { id: "evt_1", type: "invoice.paid" }, "whsec_acme");
  assert.equal(await sent("acme", paid), 200);
  assert.equal(await sent("globex", paid), 401);
  assert.equal(await sent("nobody", paid), 404);
  assert.deepEqual(
    (await payments("acme")).map(({ event }) => event),
    ["evt_1"],
  );
});
