// The blocks of a page: its code, outputs and diagrams. What a block shows has a source, or the build fails.
import { cut, language, stands } from "./cut.mjs";
import { draw } from "./diagram.mjs";
import { figures } from "./figures.mjs";

const DIRECTIVE = /^(\s*)<(Example|Output)((?:\s+[a-z]+="[^"]*")*)\s*\/>\s*$/;
const FIGURES = /^(\s*)<Figures of="([\w-]+)" \/>\s*$/;
const MARK = /^\s*(?:<!--|\{\/\*) (from|output of|checked) ?(.*?) (?:-->|\*\/\})\s*$/;
const FENCE = /^(\s*)(`{3,}|~{3,})(.*)$/;

/** @returns the text with its blocks filled in, and each block with its source. */
export function expand(text, { mdx, ran }) {
  const out = [];
  const blocks = [];
  const lines = text.split("\n");
  let mark = null;
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index];
    const directive = DIRECTIVE.exec(line);
    const fence = FENCE.exec(line);
    if (MARK.test(line)) {
      const [, kind, file] = MARK.exec(line);
      mark = { kind, file };
    } else if (directive) {
      const [, indent, name, rest] = directive;
      const attributes = Object.fromEntries([...rest.matchAll(/([a-z]+)="([^"]*)"/g)].map(([, key, value]) => [key, value.replaceAll("&quot;", '"')]));
      known(name, attributes);
      const code = cut(attributes);
      blocks.push({ kind: name === "Output" ? "output of" : "from", file: attributes.file, line: index + 1 });
      out.push(...block(indent, name === "Output" ? "text" : (attributes.lang ?? language(attributes.file)), attributes.title, code, name === "Output"));
    } else if (FIGURES.test(line)) {
      const [, indent, of] = FIGURES.exec(line);
      blocks.push({ kind: "measured", line: index + 1 });
      out.push(...figures(of).split("\n").map((shown) => (shown ? indent + shown : shown)));
    } else if (fence) {
      const [, indent, ticks, info] = fence;
      const end = lines.findIndex((other, at) => at > index && other.trim().startsWith(ticks));
      if (end < 0) throw new Error(`line ${index + 1}: the block has no end`);
      const code = lines.slice(index + 1, end).map((inside) => (inside.startsWith(indent) ? inside.slice(indent.length) : inside)).join("\n");
      if (info.trim() === "mermaid") {
        blocks.push({ kind: "diagram", line: index + 1 });
        const figure = `<figure class="diagram not-content">${draw(code)}</figure>`;
        out.push("", mdx ? `${indent}<Fragment set:html={${JSON.stringify(figure)}} />` : figure, "");
      } else {
        blocks.push({ ...source(mark, ran, code, info.trim()), line: index + 1, language: info.trim().split(" ")[0] });
        out.push(...lines.slice(index, end + 1));
      }
      mark = null;
      index = end;
    } else if (!mdx && indented(lines, index)) {
      // As Markdown has it without fences: on to the last line that is indented.
      let end = index;
      while (/^ {4}|^\s*$/.test(lines[end + 1] ?? "x")) end++;
      const code = lines.slice(index, end + 1).map((inside) => inside.slice(4)).join("\n").trim();
      blocks.push({ ...source(mark, ran, code, ""), language: /^(?:[$#] |(?:[A-Z_]+=\S+ )*[a-z][\w./-]*(?: |$))/.test(code) ? "sh" : "", line: index + 1 });
      out.push(...lines.slice(index, end + 1));
      mark = null;
      index = end;
    } else {
      if (line.trim()) mark = null;
      out.push(line);
    }
  }
  return { text: out.join("\n"), blocks };
}

/** Whether a block without fences begins at this line: four spaces after an empty line, and not below an item of a list. */
function indented(lines, index) {
  if (!/^ {4}\s*\S/.test(lines[index]) || lines[index - 1]?.trim()) return false;
  const above = lines.slice(0, index).findLast((line) => /^\S/.test(line));
  return !/^(?:[-*+]|\d+[.)])\s/.test(above ?? "");
}

function known(name, attributes) {
  const allowed = name === "Output" ? ["file", "region", "from", "to"] : ["file", "region", "from", "to", "lang", "title"];
  for (const key of Object.keys(attributes)) {
    if (!allowed.includes(key)) throw new Error(`<${name}> has no attribute ${key}: there are ${allowed.join(", ")}`);
  }
  if (!attributes.file) throw new Error(`<${name}> names no file`);
}

function block(indent, lang, title, code, plain) {
  const ticks = code.includes("```") ? "````" : "```";
  const info = `${lang}${title ? ` title="${title}"` : ""}${plain ? ' frame="none" wrap' : ""}`;
  return [`${ticks}${info}`, ...code.split("\n"), ticks].map((line) => (line ? indent + line : line));
}

function source(mark, ran, code, info) {
  if (mark?.kind === "from" || mark?.kind === "output of") {
    if (!stands(mark.file, code)) throw new Error(`this block does not stand in ${mark.file}:\n${code}`);
    return mark;
  }
  if (mark) return { ...mark, code };
  return ran ? { kind: "ran", file: ran, code, info } : { kind: "unknown", code, info };
}
