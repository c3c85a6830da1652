import { readFileSync } from "node:fs";

import installed from "../../../js/suite/installed.js";
import { runtime } from "../runtime.js";

const { devDependencies } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
const frameworks = ["express", "hono", "@hono/node-server", "fastify", "drizzle-orm"].map((name) => `${name}@${devDependencies[name]}`);
const onNode20 = process.versions.node.startsWith("20.");

installed(runtime, {
  name: "node",
  label: `Node ${process.versions.node}`,
  program: process.execPath,
  // better-sqlite3 12 is compiled at install: the one of this package's own tests will do. 13 brings its binaries.
  install: onNode20 ? frameworks : [...frameworks, devDependencies["better-sqlite3-13"].replace("npm:", "")],
  copy: onNode20 ? ["better-sqlite3", "bindings", "file-uri-to-path"] : [],
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
