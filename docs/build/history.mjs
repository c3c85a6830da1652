// When each file was last changed, as git knows; nothing where the history was not fetched.
import { execFileSync } from "node:child_process";
import { repository } from "./project.mjs";

export function changes() {
  const found = new Map();
  const git = (...words) => execFileSync("git", ["-C", repository, ...words], { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] });
  try {
    if (git("rev-parse", "--is-shallow-repository").trim() === "true") return found;
    let date = "";
    for (const line of git("log", "--format=@%cI", "--name-only", "--", "docs", "packages/*/README.md", "packages/js/*/README.md", "extension/contract", "extension/core/src/providers").split("\n")) {
      if (line.startsWith("@")) date = line.slice(1);
      else if (line && !found.has(line)) found.set(line, date);
    }
  } catch {
    // An archive of the sources has no history.
  }
  return found;
}
