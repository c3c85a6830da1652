// Builds <package>/dist: `node build.mjs node`. The core is copied into each package, so that none needs another at run time.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const workspace = fileURLToPath(new URL("./", import.meta.url));
const name = process.argv[2];

/** Compiles a folder into the `dist` that it names. */
function compile(folder) {
  execFileSync(join(workspace, "node_modules/.bin/tsc"), ["-p", folder], { stdio: "inherit" });
}

/** Compiles a member of the workspace; returns where to. */
function compileMember(member) {
  const dist = join(workspace, member, "dist");
  rmSync(dist, { recursive: true, force: true });
  compile(join(workspace, member));
  return dist;
}

/** Rewrites the files of a folder, and of those in it. */
function rewrite(folder, change) {
  for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name);
    writeFileSync(path, change(readFileSync(path, "utf8")));
  }
}

const besideIt = (text) => text.replaceAll('"@knocker/core/', '"./core/');

const core = compileMember("core");
const dist = compileMember(name);
// What stands at the top of the package imports the core from the copy beside it.
rewrite(dist, besideIt);
cpSync(core, join(dist, "core"), { recursive: true });

// The same as CommonJS, with its types, for what can require no module: Jest before Node 24.9 and old bundlers. Node and Bun themselves require the very modules
// that they import (`module-sync` in package.json), so that there is one instance of each.
const sources = mkdtempSync(join(workspace, ".commonjs-"));
try {
  cpSync(join(workspace, name, "src"), sources, { recursive: true });
  rewrite(sources, besideIt);
  cpSync(join(workspace, "core/src"), join(sources, "core"), { recursive: true });
  rewrite(sources, (text) => text.replaceAll("import.meta.url", "__filename"));
  writeFileSync(join(sources, "package.json"), '{ "type": "commonjs" }\n');
  const compilerOptions = {
    rootDir: ".",
    outDir: join(dist, "cjs"),
    types: name === "bun" ? ["bun"] : ["node"],
    verbatimModuleSyntax: false,
  };
  writeFileSync(
    join(sources, "tsconfig.json"),
    JSON.stringify({ extends: "../tsconfig.base.json", compilerOptions, include: ["**/*.ts"] }),
  );
  compile(sources);
} finally {
  rmSync(sources, { recursive: true });
}
writeFileSync(join(dist, "cjs/package.json"), '{ "type": "commonjs" }\n');
