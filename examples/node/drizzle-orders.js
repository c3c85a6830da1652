// Drizzle on the application's database and in a handler: `node drizzle-orders.js`.
import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { sqliteTable, text } from "drizzle-orm/sqlite-core";

import { attach } from "@knocker/node";
import { drain } from "@knocker/node/testing";

const orders = sqliteTable("orders", { id: text().primaryKey() });

const database = new Database("orders.db");
database.exec("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)");

// The same SQLite library for both, each on connections of its own.
const hooks = attach(database);
const inbound = hooks.endpoint("inbound", {});

inbound.on("order", (event, tx) => {
  drizzle({ client: tx }).insert(orders).values({ id: event.json().id }).run();
});

await inbound.ingest({ valid: true, type: "order", key: "o-1" }, '{"id": "o-1"}');
await drain(hooks);
console.log(drizzle({ client: database }).select().from(orders).all());
await hooks.close();
