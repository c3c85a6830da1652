// Compiled, never run: every handler fits its framework, and tx has the type of the application's driver.
import BetterSqlite3 from "better-sqlite3";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";

import { attach, load, open, type Receipt } from "@knocker/node";

const hooks = open<BetterSqlite3.Database>("app.db", { driver: "better-sqlite3" });
const stripe = hooks.endpoint("stripe", { provider: "stripe", secrets: [process.env["STRIPE_WEBHOOK_SECRET"]] });

stripe.on("checkout.session.completed", (event, tx) => {
  const insert = tx.transaction((id: string) => tx.prepare("INSERT INTO orders (id) VALUES (?)").run(id));
  insert(event.json<{ id: string }>().id);
});

const app = express();
app.post("/webhooks/stripe", stripe.express());
app.use("/webhooks", hooks.express());
createServer(stripe.express());

const hono = new Hono();
hono.post("/webhooks/stripe", stripe.hono());
hono.all("/webhooks/*", hooks.hono());

const fastify = Fastify();
fastify.register(stripe.fastify());
fastify.register(stripe.fastify("/hooks"), { prefix: "/api" });
fastify.register(hooks.fastify(), { prefix: "/webhooks" });

// The class as the driver says what tx is.
open("app.db", { driver: DatabaseSync })
  .endpoint("a", {})
  .on("*", (_event, tx) => void tx.createSession());
open("app.db", { driver: BetterSqlite3 })
  .endpoint("a", {})
  .on("*", (_event, tx) => void tx.pragma("user_version"));
load(new DatabaseSync("app.db"));

export const builtIn = attach(new DatabaseSync("app.db"));
builtIn.endpoint("a", {}).on("*", async (_event, tx) => {
  tx.createSession();
});

export const receipt: Promise<Receipt> = stripe.receive({ headers: new Headers(), body: new ArrayBuffer(0) });
// @ts-expect-error A parsed body is no body.
export const parsed: Promise<Receipt> = stripe.receive({ headers: {}, body: { parsed: true } });
// @ts-expect-error There is no such setting.
hooks.endpoint("stripe", { provider: "stripe", maxAttempt: 3 });
