import { readFileSync } from "node:fs";

import installed from "../../../js/suite/installed.js";
import { runtime } from "../runtime.js";

const { devDependencies } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

installed(runtime, {
  name: "bun",
  label: `Bun ${Bun.version}`,
  program: process.execPath,
  install: [`hono@${devDependencies.hono}`],
  quickStarts: ["quickstart.js"],
  servers: [
    ["serve-app.js", "shop.js"],
    ["hono-app.js", undefined],
  ],
  scripts: [["operate.js", /0 requeued\n1 waiting, 0 dead/]],
  tests: ["test", "shop.test.js"],
});
