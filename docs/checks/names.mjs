// What pages name exists: commands and options, SQL functions and views, metrics, settings, codes and words.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { contract } from "../build/contract.mjs";
import { docs, repository } from "../build/project.mjs";
import { OPTIONS, call } from "./commands.mjs";
import { texts } from "./pages.mjs";

/** Names of others, and of parts of Knocker that are in no contract, one a line. */
const OTHERS = readFileSync(join(docs, "checks/names.txt"), "utf8").split("\n").filter((line) => line && !line.startsWith("#"));
/** Pages that tests of the code compare with what there is: their first columns and headings. */
const FIRST = ["metrics.md", "doctor.md"].flatMap((page) => [...readFileSync(join(docs, page), "utf8").matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name));
const HEADED = [...readFileSync(join(docs, "sql.md"), "utf8").matchAll(/^(?:#{2,4} |Table-valued:).*/gm)].flatMap(([heading]) => heading.match(/\bknocker_\w+/g) ?? []);

/** Records of the log, which every package plays. */
const LOGGED = readFileSync(join(repository, "extension/conformance/telemetry/stories.json"), "utf8").match(/(?<="record": ")\w+/g);

/** What the packages call things is in their sources. */
function* identifiers() {
  const folders = ["python/src", "js/core/src", "js/node/src", "js/bun/src", "go", "ruby/lib", "elixir/lib"];
  for (const folder of folders.map((name) => join(repository, "packages", name))) {
    for (const name of readdirSync(folder, { recursive: true })) {
      if (!/\.(py|ts|go|rb|ex)$/.test(name) || /_test\.go$|node_modules/.test(name)) continue;
      yield* readFileSync(join(folder, name), "utf8").match(/\b_?[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b/g) ?? [];
    }
  }
}

function known() {
  const names = new Set([...OTHERS, ...FIRST, ...HEADED, ...LOGGED, ...identifiers()]);
  const add = (name) => names.add(name);
  const walk = (value) => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (value && typeof value === "object") {
      for (const [key, inner] of Object.entries(value)) {
        if (["name", "code"].includes(key) && typeof inner === "string") add(inner);
        if (["default", "types"].includes(key)) walkKeys(inner, add);
        walk(inner);
      }
    } else if (typeof value === "string" && /^[a-z][a-z0-9_]*$/.test(value)) add(value);
  };
  walk(contract);
  return names;
}

function walkKeys(value, add) {
  if (Array.isArray(value)) value.forEach(add);
  else if (value && typeof value === "object") Object.keys(value).forEach(add);
}

export function names() {
  const there = known();
  const wrong = [];
  let checked = 0;
  for (const [slug, page] of texts()) {
    // The pages of providers are made of the contract, and name what providers name; those of the languages' tools of the sources.
    if (/^providers\//.test(slug) || /^reference\/(\w+-api|api|settings|views|records|command-help)$/.test(slug)) continue;
    const body = page.replace(/^---\n[^]*?\n---\n/, "").replace(/^ *(`{3,})[^]*?^ *\1 *$/gm, "");
    for (const [, span] of body.matchAll(/`([^`\n]+)`/g)) {
      checked++;
      const said = about(span, there);
      if (said) wrong.push(`${slug}: \`${span}\`: ${said}`);
    }
  }
  return { wrong: [...new Set(wrong)], said: `${checked} names` };
}

function about(span, there) {
  if (/^knocker /.test(span)) return call(span.match(/"[^"]*"|'[^']*'|\S+/g).slice(1));
  const option = /^(--[a-z][\w-]*)/.exec(span)?.[1];
  if (option && !OPTIONS.has(option) && !there.has(option)) return `no command has the option ${option}`;
  const sql = /^_?(?:knocker|honker)_\w+/.exec(span)?.[0];
  if (sql) return there.has(sql) ? undefined : `there is no ${sql} in the contract`;
  if (/^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$/.test(span) && !there.has(span)) return "no code, setting, column or word of that name; names of others stand in checks/names.txt";
  return undefined;
}
