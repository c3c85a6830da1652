// The pages as they were prepared and as they were built.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { base, prepared, published } from "../build/project.mjs";

/** Place → text as Markdown. */
export function texts() {
  return new Map(
    readdirSync(prepared, { recursive: true })
      .filter((name) => /\.mdx?$/.test(name))
      .map((name) => [name.replace(/\.mdx?$/, "").replace(/(^|\/)index$/, ""), readFileSync(join(prepared, name), "utf8")]),
  );
}

/** Address → HTML. */
export function built() {
  return new Map(
    readdirSync(published, { recursive: true })
      .filter((name) => name.endsWith(".html"))
      .map((name) => [base + name.replace(/(^|\/)index\.html$/, "$1"), readFileSync(join(published, name), "utf8")]),
  );
}
