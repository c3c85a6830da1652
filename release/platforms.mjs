// The machines that Knocker is built for, and whether a library is for the one that it is said to be for: a mislabelled one fails only on the user's machine.
//   node release/platforms.mjs check <name> <library>
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Every platform, as platforms.json has them. */
export const platforms = JSON.parse(readFileSync(new URL("platforms.json", import.meta.url), "utf8"));

/** The platform of this name. */
export function platformOf(name) {
  const platform = platforms.find((known) => known.name === name);
  if (!platform) throw new Error(`no platform is named ${name}: ${platforms.map((known) => known.name).join(", ")}`);
  return platform;
}

/** Throws where this file, a library or a program, is for another machine. */
export function checkMachine(file, { name, os, cpu }) {
  const bytes = readFileSync(file);
  const is = {
    linux: () => bytes.readUInt32BE(0) === 0x7f454c46 && bytes.readUInt16LE(18) === { x64: 0x3e, arm64: 0xb7 }[cpu],
    darwin: () => bytes.readUInt32LE(0) === 0xfeedfacf && bytes.readUInt32LE(4) === { x64: 0x01000007, arm64: 0x0100000c }[cpu],
    win32: () => bytes.readUInt16LE(bytes.readUInt32LE(0x3c) + 4) === { x64: 0x8664, arm64: 0xaa64 }[cpu],
  }[os];
  if (!is()) throw new Error(`${file} is not for ${name}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [what, name, file, ...rest] = process.argv.slice(2);
  if (what !== "check" || !file || rest.length > 0) throw new Error("usage: platforms.mjs check <name> <library>");
  checkMachine(file, platformOf(name));
}
