// Links: written as they hold in the repository, rewritten as they hold on the site.
import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { base, forge, repository } from "./project.mjs";

/** `places`: file of the repository → place on the site. Returns the text; a link that leads nowhere is an error. */
export function rewrite(text, file, places) {
  const target = (link) => resolve(link, file, places);
  return outsideCode(text, (part) =>
    part
      .replace(/(\]\()([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)((?:\s+"[^"]*")?\))/g, (_, open, link, close) => open + target(link) + close)
      .replace(/(\shref=")([^"]+)(")/g, (_, open, link, close) => open + target(link) + close)
      .replace(/^(\s*link:\s*)(\/\S*)$/gm, (_, open, link) => open + target(link)),
  );
}

function resolve(link, file, places) {
  if (/^(?:[a-z]+:|#|\/\/)/.test(link)) return link;
  const [path, anchor] = link.split(/(?=#)/);
  if (path.startsWith("/")) return base + path.slice(1) + (anchor ?? "");
  const wanted = normalize(join(dirname(file), path)).replace(/\/$/, "");
  const slug = places.get(wanted) ?? places.get(`${wanted}/README.md`);
  if (slug !== undefined) return `${base}${slug}${slug ? "/" : ""}${anchor ?? ""}`;
  const there = join(repository, wanted);
  if (wanted.startsWith("..") || !existsSync(there)) throw new Error(`the link ${link} leads nowhere: there is no ${wanted}`);
  return `${forge}/${statSync(there).isDirectory() ? "tree" : "blob"}/main/${wanted}${anchor ?? ""}`;
}

/** Applies `change` to what stands in no block and no span of code. */
export function outsideCode(text, change) {
  const pieces = text.split(/(^\s*(`{3,}|~{3,})[^\n]*\n[^]*?^\s*\2[^\n]*$|`[^`\n]+`)/m);
  // Each match brings the whole and its ticks.
  let out = "";
  for (let index = 0; index < pieces.length; index += 3) {
    out += change(pieces[index]);
    if (index + 1 < pieces.length) out += pieces[index + 1];
  }
  return out;
}
