import assert from "node:assert/strict";

import { drizzle } from "drizzle-orm/bun-sqlite";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

import { file, push, SECRET } from "@knocker/core/suite/workplace.js";
import { knocker, openRaw } from "./opening.js";
import { runtime } from "./runtime.js";

const { describe, it } = runtime;
const orders = sqliteTable("orders", { event: integer("event").notNull(), ref: text("ref").notNull() });

describe("query builders", () => {
  it("Drizzle writes in the handler's transaction, and a transaction of its own is a savepoint of it", async () => {
    const database = openRaw(file());
    database.exec("CREATE TABLE orders (event INTEGER NOT NULL, ref TEXT NOT NULL)");
    const clock = runtime.testing.frozenClock();
    const hooks = knocker.attach(database, { now: clock });
    const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
    endpoint.on("push", (event, tx) => {
      const db = drizzle({ client: tx });
      db.insert(orders).values({ event: event.id, ref: event.json().ref }).run();
      db.transaction((inner) => void inner.insert(orders).values({ event: event.id, ref: "inner" }).run());
      if (event.attempt === 1) throw new knocker.Retry({ after: 60 });
    });
    const stored = () => drizzle({ client: database }).select().from(orders).all();
    const { eventId } = await endpoint.receive(push(runtime));
    assert.equal((await runtime.testing.drain(hooks)).failed, 1);
    assert.deepEqual(stored(), []);
    clock.advanceMs(60_000);
    assert.equal((await runtime.testing.drain(hooks)).handled, 1);
    assert.deepEqual(stored(), [
      { event: eventId, ref: "main" },
      { event: eventId, ref: "inner" },
    ]);
    await hooks.close();
    database.close();
  });
});
