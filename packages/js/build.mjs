// Builds packages/<name>/dist: `node ../js/build.mjs node`. The core is compiled into each package, so that none needs another at run time.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const name = process.argv[2];
const root = fileURLToPath(new URL(`../${name}/`, import.meta.url));
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", root], { stdio: "inherit" });

// For CommonJS: one line that requires the module, so that both systems share one instance, and the types as CommonJS sees them.
const cjs = join(dist, "cjs");
mkdirSync(cjs);
writeFileSync(join(cjs, "package.json"), '{ "type": "commonjs" }\n');
for (const entry of ["index", "testing"]) {
  writeFileSync(join(cjs, `${entry}.js`), `module.exports = require("../${name}/src/${entry}.js");\n`);
}
for (const part of [name, "js"]) {
  cpSync(join(dist, part), join(cjs, part), { recursive: true, filter: (path) => !path.endsWith(".js") });
}
