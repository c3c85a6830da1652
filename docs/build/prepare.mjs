// Writes `.pages`, which Astro reads, from what people write, from pages elsewhere in the repository, and from the contract.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expand } from "./blocks.mjs";
import { generated } from "./generated.mjs";
import { changes } from "./history.mjs";
import { rewrite } from "./links.mjs";
import { elsewhere, forge, prepared, repository, written } from "./project.mjs";

const COMPONENTS = ["Aside", "Badge", "Card", "CardGrid", "FileTree", "Icon", "LinkButton", "LinkCard", "Steps", "TabItem", "Tabs"];

const FOLDERS = ["start", "concepts", "guides", "runbook", "providers", "reference", "comparison"];

/** Blocks of these pages are run from the page itself. */
const RAN = {
  "docs/rescue.md": "extension/conformance/oldest-sqlite/rescue.py",
  "docs/migrations.md": "packages/js/node/run-migrations",
};

/** Every page: where it is written, where it stands, its text. */
function sources() {
  const found = readdirSync(written, { recursive: true })
    .filter((name) => /\.mdx?$/.test(name))
    .map((name) => {
      const file = relative(repository, join(written, name));
      return { file, slug: name.replace(/\.mdx?$/, "").replace(/(^|\/)index$/, ""), mdx: name.endsWith("x"), ...front(readFileSync(join(written, name), "utf8")) };
    });
  for (const [file, about] of Object.entries(elsewhere)) {
    const text = readFileSync(join(repository, file), "utf8");
    const heading = /^# (.+)\n/m.exec(text);
    const matter = {
      title: about.title ?? heading[1].replaceAll("`", ""),
      description: about.description,
      sidebar: { order: about.order },
    };
    found.push({ file, slug: about.slug, mdx: false, matter, text: text.replace(heading[0], "") });
  }
  return [...found, ...generated()];
}

/** Front matter stays the text that it is; only new keys are added to it. */
function front(text) {
  const parts = /^---\n([^]*?)\n---\n([^]*)$/.exec(text);
  if (!parts) throw new Error("a page begins with its front matter: title, description");
  return { matter: parts[1], text: parts[2] };
}

function yaml(matter) {
  if (typeof matter === "string") return matter;
  return Object.entries(matter)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
    .join("\n");
}

export function prepare() {
  const pages = sources();
  const places = new Map(pages.filter((page) => page.file).map((page) => [page.file, page.slug]));
  const when = changes();
  const blocks = [];
  rmSync(prepared, { recursive: true, force: true });
  for (const folder of FOLDERS) mkdirSync(join(prepared, folder), { recursive: true });
  for (const page of pages) {
    const name = page.file ?? `the generated page ${page.slug}`;
    try {
      const expanded = page.generated ? { text: page.text, blocks: page.blocks ?? [] } : expand(page.text, { mdx: page.mdx, ran: RAN[page.file] });
      blocks.push(...expanded.blocks.map((block) => ({ ...block, page: name })));
      const used = page.mdx ? COMPONENTS.filter((component) => new RegExp(`<${component}[\\s>]`).test(expanded.text)) : [];
      let matter = yaml(page.matter);
      const source = page.file ?? page.from;
      matter += `\neditUrl: ${forge}/edit/main/${source}`;
      if (when.has(source)) matter += `\nlastUpdated: ${when.get(source)}`;
      const imports = used.length ? `import { ${used.join(", ")} } from "@astrojs/starlight/components";\n\n` : "";
      const text = `---\n${rewrite(matter, name, places)}\n---\n\n${imports}${rewrite(expanded.text, page.file ?? page.from, places)}`;
      const target = join(prepared, `${page.slug || "index"}.${page.mdx ? "mdx" : "md"}`);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text);
    } catch (error) {
      error.message = `${name}: ${error.message}`;
      throw error;
    }
  }
  return { pages, blocks };
}

if (process.argv[1] === import.meta.filename) {
  const { pages, blocks } = prepare();
  console.log(`${pages.length} pages, ${blocks.length} blocks`);
}
