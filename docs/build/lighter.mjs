// Makes pages lighter: in blocks of code the colours of a word as a class, not as a style of each word, and none where it is the block's own; short
// names for the classes that Astro makes for each component.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { published } from "./project.mjs";

/** The colours of text without any, dark and light. */
const PLAIN = "--0:#D6DEEB;--1:#403F53";

const SCOPE = /\bastro-[a-z0-9]{8}\b/g;

export function lighten() {
  const scopes = new Map();
  const short = (name) => {
    if (!scopes.has(name)) scopes.set(name, `s${scopes.size}`);
    return scopes.get(name);
  };
  const classes = new Map();
  const named = (style) => {
    if (!classes.has(style)) classes.set(style, `k${classes.size}`);
    return classes.get(style);
  };
  for (const name of readdirSync(published, { recursive: true }).filter((name) => name.endsWith(".html"))) {
    const html = readFileSync(join(published, name), "utf8");
    const lighter = html
      .replaceAll(new RegExp(`<span style="${PLAIN}">([^<]*)</span>`, "g"), "$1")
      .replace(/<span style="(--[01]:#\w{6}(?:;--[01]:#\w{6})?)">/g, (_, style) => `<span class=${named(style)}>`)
      .replace(/(<span class=k\d+>)([^<]*)<\/span>(?=\1)/g, "$1$2\u0000")
      .replace(/\u0000<span class=k\d+>/g, "")
      .replace(/<\w(?:[^<>"]|"[^"]*")*>/g, (tag) => tag.replace(/(\s(?:class|role|aria-[a-z]+|data-[a-z-]+)=)"([\w-]+)"(?=[\s>])/g, "$1$2").replace(SCOPE, short))
      // The corner of a table heads nothing.
      .replace(/<th([^>]*)><\/th>/g, "<td$1></td>")
      .replace(/<style>[^]*?<\/style>/g, (style) => style.replace(SCOPE, short));
    if (lighter !== html) writeFileSync(join(published, name), lighter);
  }
  for (const name of readdirSync(join(published, "_astro")).filter((name) => name.endsWith(".css"))) {
    const file = join(published, "_astro", name);
    writeFileSync(file, readFileSync(file, "utf8").replace(SCOPE, short));
  }
  const styles = readdirSync(join(published, "_astro")).filter((name) => /^ec\..*\.css$/.test(name));
  if (styles.length !== 1) throw new Error(`one style sheet of code is expected, and there are ${styles.length}`);
  const file = join(published, "_astro", styles[0]);
  const css = readFileSync(file, "utf8").replaceAll("span[style^='--']:not([class])", "span:is([style^='--']:not([class]),[class^='k'])");
  const rules = [...classes].map(([style, name]) => `.ec-line .${name}{${style}}`);
  writeFileSync(file, css + rules.join(""));
  return classes.size;
}

if (process.argv[1] === import.meta.filename) console.log(`${lighten()} colours of code`);
