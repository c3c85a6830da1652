import installed from "@knocker/core/suite/installed.js";
import { runtime } from "../runtime.js";

installed(runtime, {
  name: "bun",
  label: `Bun ${Bun.version}`,
  program: process.execPath,
  modules: { hono: "hono" },
  commands: [process.execPath, "x", "--bun"],
  quickStarts: ["quickstart.js"],
  servers: [
    ["serve-app.js", "shop.js"],
    ["hono-app.js", undefined],
  ],
  scripts: [["operate.js", /0 requeued\n1 waiting, 0 dead/]],
  tests: ["test", ...["shop", "tenants", "tenant-files", "replay-safe", "handler"].map((name) => `${name}.test.js`)],
});
