import assert from "node:assert/strict";

import { drizzle } from "drizzle-orm/bun-sqlite";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { Kysely } from "kysely";

import { file, push, SECRET } from "@knocker/core/suite/workplace.js";
import { dialect } from "./kysely.js";
import { knocker, openRaw } from "./opening.js";
import { runtime } from "./runtime.js";

const { describe, it } = runtime;
const orders = sqliteTable("orders", { event: integer("event").notNull(), ref: text("ref").notNull() });

describe("query builders", () => {
  function shop() {
    const database = openRaw(file());
    database.exec("CREATE TABLE orders (event INTEGER NOT NULL, ref TEXT NOT NULL)");
    const clock = runtime.testing.frozenClock();
    const hooks = knocker.attach(database, { now: clock });
    return { database, hooks, clock, endpoint: hooks.endpoint("github", { provider: "github", secrets: [SECRET] }) };
  }

  it("Drizzle writes in the handler's transaction, and a transaction of its own is a savepoint of it", async () => {
    const { hooks, endpoint, database, clock } = shop();
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

  it("Kysely writes in the handler's transaction, which is taken back with it", async () => {
    const { hooks, endpoint, database, clock } = shop();
    endpoint.on("push", async (event, tx) => {
      const db = new Kysely({ dialect: dialect(tx) });
      const { numInsertedOrUpdatedRows } = await db
        .insertInto("orders")
        .values({ event: event.id, ref: event.json().ref })
        .executeTakeFirstOrThrow();
      assert.equal(numInsertedOrUpdatedRows, 1n);
      assert.equal((await db.selectFrom("orders").select(["ref"]).execute())[0].ref, "main");
      for await (const { ref } of db.selectFrom("orders").selectAll().stream()) assert.equal(ref, "main");
      if (event.attempt === 1) throw new knocker.Retry({ after: 60 });
    });
    const { eventId } = await endpoint.receive(push(runtime));
    assert.equal((await runtime.testing.drain(hooks)).failed, 1);
    assert.equal(database.prepare("SELECT count(*) AS count FROM orders").get().count, 0);
    clock.advanceMs(60_000);
    assert.equal((await runtime.testing.drain(hooks)).handled, 1);
    assert.deepEqual(database.prepare("SELECT * FROM orders").all(), [{ event: eventId, ref: "main" }]);
    await hooks.close();
    database.close();
  });
});
