// After Astro: each page as Markdown beside it, and llms.txt, which lists them.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { base, prepared, published, site } from "./project.mjs";
import { sidebar } from "./sidebar.mjs";

export function twins() {
  const found = new Map();
  for (const name of readdirSync(prepared, { recursive: true }).filter((name) => /\.mdx?$/.test(name))) {
    const [, matter, text] = /^---\n([^]*?)\n---\n([^]*)$/.exec(readFileSync(join(prepared, name), "utf8"));
    const slug = name.replace(/\.mdx?$/, "").replace(/(^|\/)index$/, "");
    const value = (key) => new RegExp(`^${key}: "?(.*?)"?$`, "m").exec(matter)?.[1] ?? "";
    const page = { slug, title: value("title"), description: value("description"), text: plain(text) };
    found.set(slug, page);
    if (slug === "404") continue;
    const target = join(published, `${slug || "index"}.md`);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, `# ${page.title}\n\n${page.text}\n`);
  }
  writeFileSync(join(published, "llms.txt"), overview(found));
  return found;
}

/** Without what only the site can show: imports, drawings, components around text. */
function plain(text) {
  return text
    .replace(/^import .*\n/gm, "")
    .replace(/^<Fragment set:html=\{("<pre.*")\} \/>$/gm, (_, html) => `\`\`\`text\n${JSON.parse(html).replace(/<\/?pre.*?>/g, "").replaceAll("&#40;", "(").replaceAll("&lt;", "<").replaceAll("&amp;", "&")}\n\`\`\``)
    .replace(/^\s*<Fragment set:html=\{"<figure.*?aria-label=\\"(.*?)\\".*$/gm, "*Diagram: $1*")
    .replace(/^\s*<figure.*?aria-label="(.*?)".*$/gm, "*Diagram: $1*")
    .replace(/^\s*<TabItem label="(.*?)".*>\s*$/gm, "**$1**\n")
    .replace(/^\s*<LinkCard\s+title="(.*?)".*?href="(.*?)".*$/gm, "- [$1]($2)")
    .replace(/^\s*<Card\s+title="(.*?)".*>\s*$/gm, "**$1**\n")
    .replace(/^\s*<\/?(?:Tabs|TabItem|Steps|Card|CardGrid|Aside|FileTree|details|Providers|div)\b.*>\s*$/gm, "")
    .replace(/^\s*<summary>(.*)<\/summary>\s*$/gm, "$1:")
    .replace(/^\s*(?:<!--|\{\/\*).*(?:-->|\*\/\})\s*$/gm, "")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

function overview(pages) {
  const home = pages.get("");
  const lines = ["# Knocker", "", `> ${home.description}`];
  for (const group of sidebar()) {
    const items = group.items.map(({ slug }) => pages.get(slug)).map((page) => `- [${page.title}](${site}${base}${page.slug}.md): ${page.description}`);
    if (items.length) lines.push("", `## ${group.label}`, "", ...items);
  }
  return `${lines.join("\n")}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) console.log(`${twins().size} pages as Markdown`);
