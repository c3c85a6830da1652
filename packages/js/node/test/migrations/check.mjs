// Runs each tool as docs/migrations.md says, on a file with an event in it: all objects of Knocker's are there afterwards, and the event is handled.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";

import { open } from "@knocker/node";
import * as testing from "@knocker/node/testing";
import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { Kysely, Migrator, SqliteDialect } from "kysely";

import * as schema from "./schema.js";

const SECRET = "test-secret";
const path = "./app.db";

/** Runs a tool's own command; it must end well. */
function run(tool, parameters, env) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, ...parameters], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  assert.equal(status, 0, `${tool} ${parameters.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

const drizzleKit = (command, file = "./schema.js") => run("node_modules/drizzle-kit/bin.cjs", command.split(" "), { SCHEMA: file });
const knex = (command) => run("node_modules/knex/bin/cli.js", [command]);

/** What `ask` gives of the file, without Knocker. */
function look(ask) {
  const database = new Database(path);
  try {
    return ask(database);
  } finally {
    database.close();
  }
}

/** Knocker's objects, as they are stored. */
const objects = () =>
  look((database) =>
    database
      .prepare("SELECT type, name, sql FROM sqlite_schema WHERE tbl_name GLOB '*knocker_*' OR tbl_name GLOB '_honker_*' ORDER BY 1, 2")
      .all(),
  );

/** The application's own columns of `orders`. */
const columns = () => look((database) => database.pragma("table_info(orders)").map(({ name }) => name));

/** Opens the file with a handler for what arrives. */
function app(handled) {
  const hooks = open(path, { driver: Database, logger: false });
  const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
  endpoint.on("push", (event) => void handled.push(event.json().ref));
  return { hooks, endpoint };
}

/** One tool's turn on a file of its own. */
async function check(name, work) {
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
  const before = app([]);
  const request = testing.sign("github", JSON.stringify({ ref: "main" }), SECRET, {
    driver: Database,
    headers: { "X-GitHub-Event": "push" },
  });
  assert.equal((await before.endpoint.receive(request)).outcome, "accepted");
  await before.hooks.close();
  const stored = objects();
  assert.ok(stored.length > 20, "there is something to lose");

  await work();
  assert.deepEqual(objects(), stored, `${name} leaves Knocker's objects alone`);
  const handled = [];
  const after = app(handled);
  await testing.drain(after.hooks);
  await after.hooks.close();
  assert.deepEqual(handled, ["main"], `the event outlives ${name}`);
  console.log(`${name}: Knocker's ${stored.length} objects and the event are there`);
}

await check("drizzle-kit push", () => {
  drizzleKit("push --force");
  assert.deepEqual(columns(), ["id", "note"]);
  assert.deepEqual(
    look((client) => drizzle({ client }).select().from(schema.events).all()),
    [{ id: 1, status: "received" }],
  );
  drizzleKit("push --force", "./schema-later.js");
  assert.deepEqual(columns(), ["id", "note", "paid"]);
});

await check("drizzle-kit generate and migrate", () => {
  drizzleKit("generate");
  drizzleKit("migrate");
  drizzleKit("generate", "./schema-later.js");
  drizzleKit("migrate", "./schema-later.js");
  assert.deepEqual(columns(), ["id", "note", "paid"]);
});

await check("drizzle-kit pull", () => {
  drizzleKit("pull");
  const pulled = readFileSync("./out/schema.ts", "utf8");
  assert.match(pulled, /sqliteView\("knocker_events"/);
  assert.equal(pulled.includes("sqliteTable("), false, "no table of Knocker's is pulled");
});

await check("Kysely's migrations", async () => {
  const db = new Kysely({ dialect: new SqliteDialect({ database: new Database(path) }) });
  const orders = {
    up: (kysely) => kysely.schema.createTable("orders").addColumn("id", "integer").execute(),
    down: (kysely) => kysely.schema.dropTable("orders").execute(),
  };
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ orders }) } });
  for (const move of ["migrateToLatest", "migrateDown", "migrateToLatest"]) assert.equal((await migrator[move]()).error, undefined);
  await db.destroy();
  assert.deepEqual(columns(), ["id"]);
});

await check("knex's migrations", () => {
  for (const command of ["migrate:latest", "migrate:rollback", "migrate:latest"]) knex(command);
  assert.deepEqual(columns(), ["id"]);
});
