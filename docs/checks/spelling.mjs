// Spelling, with the dictionary of English, those of programming, and the project's own words.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { docs } from "../build/project.mjs";

export async function spelling() {
  const words = ["node_modules/cspell/bin.mjs", "lint", "--config", "checks/cspell.json", "--no-progress", "--no-summary", "--dot", ".pages/**/*.{md,mdx}"];
  try {
    await promisify(execFile)(process.execPath, words, { cwd: docs, maxBuffer: 1 << 26 });
    return { wrong: [], said: "spelling" };
  } catch (error) {
    const wrong = error.stdout.trim().split("\n").filter(Boolean);
    if (!wrong.length) throw error;
    return { wrong, said: "spelling" };
  }
}

if (process.argv[1] === import.meta.filename) console.log((await spelling()).wrong.join("\n") || join(docs, ".pages"));
