import installed from "../../../js/suite/installed.js";
import { runtime } from "../runtime.js";

const onNode20 = process.versions.node.startsWith("20.");

installed(runtime, {
  name: "node",
  label: `Node ${process.versions.node}`,
  program: process.execPath,
  modules: {
    ...Object.fromEntries(["express", "hono", "@hono/node-server", "fastify", "drizzle-orm"].map((name) => [name, name])),
    "better-sqlite3": onNode20 ? "better-sqlite3" : "better-sqlite3-13",
  },
  quickStarts: ["quickstart.js"],
  servers: [
    ["express-app.js", "shop.js"],
    ["fastify-app.js", "shop.js"],
    ["hono-app.js", undefined],
  ],
  scripts: [
    ["operate.js", /0 requeued\n1 waiting, 0 dead/],
    ["drizzle-orders.js", /\[ \{ id: 'o-1' \} \]/],
  ],
  tests: ["--test", "shop.test.js"],
});
