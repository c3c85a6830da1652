// What the command knows, read from its captured help.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { docs } from "../build/project.mjs";

const folder = join(docs, "captures/help");

/** Words of a command → its options. */
const COMMANDS = new Map(
  readdirSync(folder).map((name) => {
    const help = readFileSync(join(folder, name), "utf8");
    const options = [...help.matchAll(/^\s+(?:(-\w), )?(--[a-z][\w-]*)/gm)].flatMap(([, short, long]) => [long, short]);
    return [name.replace(/\.txt$/, "").replaceAll("-", " "), new Set([...options.filter(Boolean), "--help", "-h", "--version", "-V"])];
  }),
);

/** Whether the text of a `knocker …` call names what there is; a sentence about what does not exist. */
export function call(words) {
  // `|`, `>` and the like end it.
  const end = words.findIndex((word) => /^[|&;>]|^2>|;$/.test(word));
  const rest = (end < 0 ? words : words.slice(0, words[end].length > 1 && words[end].endsWith(";") ? end + 1 : end).map((word) => word.replace(/;$/, ""))).filter((word) => word !== "…" && word !== "...");
  let name = "knocker";
  const options = [];
  let value = false;
  for (const word of rest) {
    if (word.startsWith("#")) break;
    if (/^-/.test(word) && word !== "-") {
      options.push(word.split("=")[0]);
      value = ["--db", "--color"].includes(word);
    } else if (!value && COMMANDS.has(`${name} ${word}`)) name = `${name} ${word}`;
    else if (!value && name === "knocker" && word !== "help" && /^[a-z]+$/.test(word)) return `there is no command "knocker ${word}"`;
    else value = false;
  }
  const known = COMMANDS.get(name);
  const unknown = options.find((option) => !known.has(option) && !COMMANDS.get("knocker").has(option));
  return unknown && `"${name}" has no option ${unknown}`;
}

/** The same for a line of a block, which may begin with a prompt, variables or another machine. */
export function commandLine(line) {
  const text = line.trim().replace(/^[$>] /, "");
  if (!text || text.startsWith("#")) return undefined;
  const words = text.match(/"[^"]*"|'[^']*'|\S+/g);
  const at = words.indexOf("knocker");
  // The Python module of that name has commands of its own.
  if (words[at - 1] === "-m") return undefined;
  if (at < 0) return OTHERS.has(words.find((word) => !/^[A-Z_]+=/.test(word) && word !== "sudo")) ? undefined : `no suite runs this, and it is no call of knocker`;
  return call(words.slice(at + 1));
}

/** Programs of others that a page may tell to type. */
const OTHERS = new Set(["sqlite3", "curl", "pip", "npm", "bun", "go", "bundle", "gem", "mix", "make", "systemctl", "journalctl", "export", "litestream", "rqlited", "nats", "docker", "uvicorn", "node", "puma", "bin/rails", "cd", "irm", "cp", "mv", "mkdir", "df", "ls", "lsof", "kubectl", "fly"]);

/** Every option of any command. */
export const OPTIONS = new Set([...COMMANDS.values()].flatMap((options) => [...options]));
