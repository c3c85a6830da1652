// The navigation: a group for each folder, its pages by `sidebar.order` and title.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { prepared } from "./project.mjs";

const GROUPS = [
  ["start", "Start"],
  ["concepts", "Concepts"],
  ["guides", "Guides"],
  ["runbook", "Runbook"],
  ["providers", "Providers"],
  ["reference", "Reference"],
  ["comparison", "Comparison"],
];

export function sidebar() {
  return GROUPS.map(([folder, label]) => ({ label, collapsed: folder !== "start", items: items(folder) }));
}

function items(folder) {
  // The page of the folder itself stands beside it.
  const own = [`../${folder}.md`, `../${folder}.mdx`].filter((name) => existsSync(join(prepared, folder, name)));
  return [...own, ...readdirSync(join(prepared, folder), { recursive: true })]
    .filter((name) => /\.mdx?$/.test(name))
    .map((name) => {
      const matter = /^---\n([^]*?)\n---/.exec(readFileSync(join(prepared, folder, name), "utf8"))[1];
      const value = (pattern) => pattern.exec(matter)?.[1].trim().replace(/^"(.*)"$/, "$1");
      const index = name.startsWith("../");
      return {
        slug: index ? folder : `${folder}/${name.replace(/\.mdx?$/, "")}`,
        order: Number(value(/"?order"?:\s*(\d+)/) ?? (index ? 0 : 1000)),
        title: value(/^title:\s*(.+)$/m),
        hidden: /"?hidden"?:\s*true/.test(matter),
      };
    })
    .filter((page) => !page.hidden)
    .sort((a, b) => a.order - b.order || a.title.localeCompare(b.title, "en"))
    .map((page) => ({ slug: page.slug }));
}
