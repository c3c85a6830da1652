import installed from "@knocker/core/suite/installed.js";
import { runtime } from "../runtime.js";

const onNode20 = process.versions.node.startsWith("20.");
const node = `Node ${process.versions.node}`;
const frameworks = ["express", "hono", "@hono/node-server", "fastify"];
const operate = ["operate.js", /0 requeued\n1 waiting, 0 dead/];
const drizzle = ["drizzle-orders.js", /\[ \{ id: 'o-1' \} \]/];

/** @param betterSqlite3 the folder that better-sqlite3 is copied from; undefined where there shall be none. */
function project(label, betterSqlite3, scripts, rest) {
  installed(runtime, {
    name: "node",
    label,
    program: process.execPath,
    modules: {
      ...Object.fromEntries([...frameworks, "drizzle-orm"].map((name) => [name, name])),
      ...(betterSqlite3 && { "better-sqlite3": betterSqlite3 }),
    },
    commands: ["npx"],
    quickStarts: [],
    servers: [],
    scripts,
    ...rest,
  });
}

project(
  onNode20 ? node : `${node} without better-sqlite3`,
  onNode20 ? "better-sqlite3" : undefined,
  onNode20 ? [operate, drizzle] : [operate],
  {
    quickStarts: ["quickstart.js"],
    servers: [
      ["express-app.js", "shop.js"],
      ["fastify-app.js", "shop.js"],
      ["hono-app.js", undefined],
    ],
    tests: ["--test", ...["shop", "tenants", "tenant-files", "replay-safe", "handler"].map((name) => `${name}.test.js`)],
  },
);

if (!onNode20) project(`${node} with better-sqlite3`, "better-sqlite3-13", [drizzle], { quickStarts: ["quickstart.js"] });
