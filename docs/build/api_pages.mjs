// A page of each language's classes and functions, from what that language's own tool found in the package; `make docs-api` writes it into captures/api.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { docs } from "./project.mjs";
import { plainText, prose } from "./prose.mjs";

/** The file, its title, what is in it, what made it, and where it stands among the pages of the reference. */
const LANGUAGES = [
  ["python", "Python", "class", "Made by griffe", "packages/python/src/knocker", 111],
  ["javascript", "Node and Bun", "class", "Made by TypeDoc", "packages/js/node/src", 121],
  ["go", "Go", "type", "Made by `go doc`", "packages/go", 141],
  ["ruby", "Ruby", "class", "Made by YARD", "packages/ruby/lib/knocker", 151],
  ["elixir", "Elixir", "module", "Made of the documentation that the compiler keeps, as `h` in iex shows it,", "packages/elixir/lib/knocker", 161],
];

export function apiPages() {
  return LANGUAGES.map(([name, title, thing, made, from, order]) => {
    const file = `docs/captures/api/${name}.md`;
    const parts = split(readFileSync(join(docs, `captures/api/${name}.md`), "utf8"));
    return {
      slug: `reference/${name}-api`,
      mdx: true,
      generated: true,
      from,
      matter: {
        title: `${title}: every ${thing} and function`,
        description: `The public classes, functions, types and errors of the package for ${title}, with their signatures.`,
        sidebar: { order, label: `${title}: API` },
        tableOfContents: { maxHeadingLevel: 2 },
      },
      text: `${made} from the sources. How it is used: [${title}](/reference/${name === "javascript" ? "node" : name}/); the same calls in every language side by side: [calls of all packages](/reference/api/).\n\n${parts.map(shown).join("\n\n")}`,
      blocks: parts.filter(({ language }) => language).map(({ language }) => ({ kind: "tool", file, language })),
    };
  });
}

/** Words and blocks in turn. */
function split(text) {
  return text.split(/^(```\w*\n[^]*?^```)$/m).map((part) => {
    const block = /^```(\w*)\n([^]*?)\n?```$/.exec(part);
    return block ? { language: block[1] || "text", text: block[2] } : { text: part.trim() };
  });
}

function shown({ language, text }) {
  if (language) return plainText(text);
  // Links lead to where the tool would have put its pages.
  return prose(text.replace(/\[([^\]\n]+)\]\((?!https?:)[^)\n]*\)/g, "$1"));
}
