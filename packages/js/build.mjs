// Builds <package>/dist: `node build.mjs node`. The core is copied into each package, so that none needs another at run time.
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const workspace = fileURLToPath(new URL("./", import.meta.url));

/** Compiles a member of the workspace; returns where to. */
function compile(name) {
  const dist = join(workspace, name, "dist");
  rmSync(dist, { recursive: true, force: true });
  execFileSync(join(workspace, "node_modules/.bin/tsc"), ["-p", join(workspace, name)], { stdio: "inherit" });
  return dist;
}

const core = compile("core");
const dist = compile(process.argv[2]);

// What stands at the top of the package imports the core from the copy beside it.
for (const file of readdirSync(dist)) {
  const path = join(dist, file);
  writeFileSync(path, readFileSync(path, "utf8").replaceAll('"@knocker/core/', '"./core/'));
}
cpSync(core, join(dist, "core"), { recursive: true });

// For CommonJS: one line that requires the module, so that both systems share one instance, and the types as CommonJS sees them.
const cjs = join(dist, "cjs");
for (const part of readdirSync(dist)) {
  cpSync(join(dist, part), join(cjs, part), { recursive: true, filter: (path) => !path.endsWith(".js") });
}
writeFileSync(join(cjs, "package.json"), '{ "type": "commonjs" }\n');
for (const entry of ["index", "testing"]) {
  writeFileSync(join(cjs, `${entry}.js`), `module.exports = require("../${entry}.js");\n`);
}
