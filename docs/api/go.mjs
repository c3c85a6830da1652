// Prints the packages of the Go module as Markdown, from what `go doc -all` prints.
import { execFileSync } from "node:child_process";

const [, , folder] = process.argv;
const PACKAGES = [".", "./knockertest", "./knockerotel"];

const doc = (name) => execFileSync("go", ["doc", "-all", name], { cwd: folder, encoding: "utf8" });

/** Declarations with what is said of them: code stands at the margin or behind tabs, words behind four spaces. */
function* entries(text) {
  let entry = { code: [], words: [] };
  const full = () => entry.code.length || entry.words.length;
  for (const line of text.split("\n")) {
    if (/^(?:CONSTANTS|VARIABLES|FUNCTIONS|TYPES)$/.test(line)) continue;
    const words = /^ {4}/.test(line);
    const begins = /^(?:func|type|var|const)\b/.test(line);
    if (begins && full()) {
      yield entry;
      entry = { code: [], words: [] };
    }
    if (words || (!line && (entry.words.length || !entry.code.length || entry.closed))) entry.words.push(line.slice(4));
    else entry.code.push(line);
    entry.closed = !/[({]$/.test(entry.code[0] ?? "") || /^[)}]/.test(line) || entry.closed;
  }
  if (full()) yield entry;
}

/** Words of a comment: what is indented in them is a block. */
function prose(lines) {
  const out = [];
  let code = false;
  for (const line of lines) {
    const inside = /^(?: {4}|\t)/.test(line);
    if (inside !== code && line.trim()) {
      if (code) while (!out.at(-1)) out.pop();
      out.push("```" + (inside ? "go" : "\n"));
      code = inside;
    }
    out.push(code ? line.replace(/^ {4}/, "") : line);
  }
  if (code) {
    while (!out.at(-1)?.trim()) out.pop();
    out.push("```");
  }
  return out.join("\n").trim();
}

function heading(code) {
  const method = /^func \(\w*\s*\*?(\w+)(?:\[[^\]]*\])?\) (\w+)/.exec(code);
  if (method) return `### ${method[1]}.${method[2]}`;
  const type = /^type (\w+)/.exec(code);
  if (type) return `## ${type[1]}`;
  const func = /^func (\w+)/.exec(code);
  if (func) return `### ${func[1]}`;
  return undefined;
}

const parts = [];
for (const name of PACKAGES) {
  const text = doc(name);
  const begin = text.search(/^(?:CONSTANTS|VARIABLES|FUNCTIONS|TYPES)$/m);
  const [title, ...about] = text.slice(0, begin).trim().split("\n");
  parts.push(`## Package ${/^package (\w+)/.exec(title)[1]}`, prose(about));
  let named = "";
  for (const { code, words } of entries(text.slice(begin))) {
    const shown = code.join("\n").trim();
    // What decodes JSON is called by none but its decoder.
    if (!shown || /\) UnmarshalJSON\(/.test(shown)) continue;
    const head = heading(shown) ?? `### ${/^var/.test(shown) ? "Variables" : "Constants"}`;
    if (head !== named || !/^### (?:Variables|Constants)$/.test(head)) parts.push(head);
    named = head;
    parts.push("```go\n" + shown.replaceAll("\t", "    ") + "\n```", prose(words));
  }
}
console.log(parts.filter(Boolean).join("\n\n"));
