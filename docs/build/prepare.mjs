// Writes `.pages`, which Astro reads, from what people write, from pages elsewhere in the repository, and from the contract.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expand } from "./blocks.mjs";
import { generated } from "./generated.mjs";
import { changes } from "./history.mjs";
import { rewrite } from "./links.mjs";
import { base, elsewhere, forge, prepared, repository, written } from "./project.mjs";

const COMPONENTS = ["Aside", "Badge", "Card", "CardGrid", "FileTree", "Icon", "LinkButton", "LinkCard", "Steps", "TabItem", "Tabs"];

/** Those of src/components that a page may use. */
const OWN = ["Providers"];

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
      const used = (names) => (page.mdx ? names.filter((component) => new RegExp(`<${component}[\\s>]`).test(expanded.text)) : []);
      let matter = yaml(page.matter);
      const source = page.file ?? page.from;
      if (!/^editUrl:/m.test(matter)) matter += `\neditUrl: ${forge}/${/\.\w+$/.test(source) ? "edit" : "tree"}/main/${source}`;
      const twin = { tag: "link", attrs: { rel: "alternate", type: "text/markdown", href: `${base}${page.slug || "index"}.md` } };
      if (page.slug !== "404" && !/^head:/m.test(matter)) matter += `\nhead: ${JSON.stringify([twin])}`;
      if (when.has(source)) matter += `\nlastUpdated: ${when.get(source)}`;
      const imports = [
        ...(used(COMPONENTS).length ? [`import { ${used(COMPONENTS).join(", ")} } from "@astrojs/starlight/components";`] : []),
        ...used(OWN).map((component) => `import ${component} from "/src/components/${component}.astro";`),
      ];
      const text = `---\n${rewrite(matter, name, places)}\n---\n\n${imports.map((line) => `${line}\n`).join("")}\n${rewrite(expanded.text, page.file ?? page.from, places)}`;
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
