// Packs what npm publishes:
//   node pack.mjs platform <name> <library> <program> <out>   one platform's library and command, as @knocker/lib-<name>
//   node pack.mjs package <node|bun> <out>   a built package, with the platform packages as optional dependencies
// The platform packages are stamped in here and not in the source's package.json: they exist only once they are published, and a lock file
// cannot name what does not exist.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { platformOf, platforms } from "../../release/platforms.mjs";

const packages = fileURLToPath(new URL("./", import.meta.url));
const repository = fileURLToPath(new URL("../../", import.meta.url));
const read = (name) => JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8"));

/** Named in each manifest: npm takes along by itself only what is called LICENSE. */
const LICENSES = ["LICENSE-MIT", "LICENSE-APACHE"];

/** Facts that every package repeats. */
function common(source) {
  const { version, license, homepage, repository, bugs } = source;
  return { version, license, homepage, repository, bugs };
}

function pack(folder, out) {
  mkdirSync(out, { recursive: true });
  for (const license of LICENSES) cpSync(join(repository, license), join(folder, license));
  const printed = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", resolve(out)], {
    cwd: folder,
    encoding: "utf8",
  });
  const [{ filename }] = Object.values(JSON.parse(printed));
  console.log(join(resolve(out), filename));
}

function packPlatform(name, library, program, out) {
  const { os, cpu, libc, file, program: command } = platformOf(name);
  const folder = mkdtempSync(join(tmpdir(), "knocker-pack-"));
  for (const [from, to] of [
    [library, file],
    [program, command],
  ]) {
    cpSync(from, join(folder, to));
  }
  chmodSync(join(folder, command), 0o755);
  const manifest = {
    name: `@knocker/lib-${name}`,
    description: `Knocker's loadable SQLite extension and the knocker command for ${name}. Installed by @knocker/node and @knocker/bun.`,
    ...common(read("node")),
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
    files: [file, command, ...LICENSES],
  };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, null, 2));
  pack(folder, out);
  rmSync(folder, { recursive: true });
}

function packPackage(name, out) {
  const { devDependencies: _dev, scripts: _scripts, ...source } = read(name);
  const folder = mkdtempSync(join(tmpdir(), "knocker-pack-"));
  for (const part of ["bin", "dist"]) cpSync(join(packages, name, part), join(folder, part), { recursive: true });
  writeFileSync(join(folder, "README.md"), execFileSync(join(repository, "release/readme"), [join(packages, name, "README.md")]));
  const optionalDependencies = Object.fromEntries(platforms.map((platform) => [`@knocker/lib-${platform.name}`, source.version]));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...source, ...common(source), optionalDependencies }, null, 2));
  pack(folder, out);
  rmSync(folder, { recursive: true });
}

const [what, ...rest] = process.argv.slice(2);
if (what === "platform" && rest.length === 4) packPlatform(...rest);
else if (what === "package" && rest.length === 2) packPackage(...rest);
else throw new Error("usage: pack.mjs platform <name> <library> <program> <out> | package <node|bun> <out>");
