// Each tenant's payments are in its file, and its secret opens no other's.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { sign } from "@knocker/bun/testing";

process.env.TENANTS = mkdtempSync(join(tmpdir(), "tenants-"));
process.env.STRIPE_WEBHOOK_SECRET_ACME = "whsec_acme";
process.env.STRIPE_WEBHOOK_SECRET_GLOBEX = "whsec_globex";
const { routes, tenants } = await import("./tenant-files.js");

for (const tenant of ["acme", "globex"]) await tenants.create(tenant);
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", routes });
const worker = tenants.work();

afterAll(async () => {
  await server.stop();
  await worker.stop();
  await tenants.close();
  rmSync(process.env.TENANTS, { recursive: true });
});

async function sent(tenant, { headers, body }) {
  const host = `${tenant}.shop.example`;
  const url = `http://127.0.0.1:${server.port}/webhooks/stripe`;
  return (await fetch(url, { method: "POST", headers: { ...headers, host }, body })).status;
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
  expect(await sent("acme", paid)).toEqual(200);
  expect(await sent("globex", paid)).toEqual(401);
  expect(await sent("nobody", paid)).toEqual(404);
  expect((await payments("acme")).map(({ event }) => event)).toEqual(["evt_1"]);
});
