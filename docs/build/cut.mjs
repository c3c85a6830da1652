// Code and outputs cut out of files of the repository.
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { repository } from "./project.mjs";

const LANGUAGES = {
  ".py": "python", ".js": "js", ".mjs": "js", ".ts": "ts", ".tsx": "tsx", ".go": "go", ".rb": "ruby", ".ru": "ruby", ".ex": "elixir", ".exs": "elixir",
  ".heex": "html", ".sql": "sql", ".sh": "sh", ".json": "json", ".toml": "toml", ".yml": "yaml", ".yaml": "yaml", ".service": "ini", ".txt": "text",
};
/** What follows a comment sign of any of these languages. */
const MARK = /^\s*(?:#|\/\/|--|<!--|\/\*)\s*(end)?region:\s*([\w-]+)/;

export function language(file) {
  return LANGUAGES[extname(file)] ?? (/Dockerfile$/.test(file) ? "dockerfile" : "text");
}

/** The lines of `file`: all, those of a `region`, or those from one that holds `from` to one that holds `to`. */
export function cut({ file, region, from, to }) {
  let lines;
  try {
    lines = readFileSync(join(repository, file), "utf8").replace(/\n$/, "").split("\n");
  } catch {
    throw new Error(`there is no file ${file}`);
  }
  if (region) {
    const start = lines.findIndex((line) => mark(line, region, false));
    const end = lines.findIndex((line) => mark(line, region, true));
    if (start < 0 || end < start) throw new Error(`${file} has no lines between "region: ${region}" and "endregion: ${region}"`);
    lines = lines.slice(start + 1, end);
  }
  if (from) {
    const start = lines.findIndex((line) => line.includes(from));
    if (start < 0) throw new Error(`no line of ${file} holds ${JSON.stringify(from)}`);
    lines = lines.slice(start);
  }
  if (to) {
    const end = lines.findIndex((line) => line.includes(to));
    if (end < 0) throw new Error(`no line of ${file}${from ? `, from ${JSON.stringify(from)} on,` : ""} holds ${JSON.stringify(to)}`);
    lines = lines.slice(0, end + 1);
  }
  return level(lines.filter((line) => !MARK.test(line)));
}

function mark(line, region, ends) {
  const found = MARK.exec(line);
  return found && found[2] === region && Boolean(found[1]) === ends;
}

/** Without the indentation that all lines have, and without empty lines around. */
function level(lines) {
  while (lines.length && !lines[0].trim()) lines.shift();
  while (lines.length && !lines.at(-1).trim()) lines.pop();
  const indent = Math.min(...lines.filter((line) => line.trim()).map((line) => /^\s*/.exec(line)[0].length));
  return lines.map((line) => line.slice(Number.isFinite(indent) ? indent : 0)).join("\n");
}

const ELLIPSIS = /^(?:#|\/\/|--)?\s*…$/;

/** Whether these lines stand in `file` in a row, but for indentation; a line with an ellipsis leaves lines out, and so does one within a line. */
export function stands(file, code) {
  const there = readFileSync(join(repository, file), "utf8").split("\n").map((line) => line.trim());
  let after = 0;
  for (const part of parts(code)) {
    const at = there.findIndex((_, index) => index >= after && part.every((line, offset) => same(line, there[index + offset])));
    if (at < 0) return false;
    after = at + part.length;
  }
  return true;
}

function parts(code) {
  const found = [[]];
  for (const line of code.split("\n").map((line) => line.trim())) {
    if (ELLIPSIS.test(line)) found.push([]);
    else found.at(-1).push(line);
  }
  return found.map((part) => part.join("\n").replace(/^\n+|\n+$/g, "").split("\n")).filter((part) => part.join("") !== "");
}

function same(line, there) {
  if (there === undefined) return false;
  let rest = there;
  for (const [index, piece] of line.split("…").entries()) {
    const at = rest.indexOf(piece);
    if (at < 0 || (index === 0 && at > 0)) return false;
    rest = rest.slice(at + piece.length);
  }
  return rest === "" || line.endsWith("…");
}
