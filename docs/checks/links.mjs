// Every internal link leads to a page or a file of the site, and every anchor to an id of its page.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { base, published } from "../build/project.mjs";
import { built } from "./pages.mjs";

export function links() {
  const pages = built();
  const ids = new Map([...pages].map(([address, html]) => [address, new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => text(id)))]));
  const wrong = [];
  let checked = 0;
  for (const [address, html] of pages) {
    for (const [, raw] of html.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
      const link = text(raw);
      if (/^(?:[a-z]+:|\/\/)/.test(link) || link === "") continue;
      checked++;
      const url = new URL(link, `http://site${address}`);
      const path = decodeURIComponent(url.pathname);
      const there = pages.has(path);
      const file = path.startsWith(base) && existsSync(join(published, path.slice(base.length)));
      if (!there && !file) wrong.push(`${address}: ${link} leads nowhere`);
      else if (there && url.hash.length > 1 && !ids.get(path).has(decodeURIComponent(url.hash.slice(1)))) wrong.push(`${address}: ${link}: the page has no such heading`);
    }
  }
  return { wrong: [...new Set(wrong)], said: `${checked} internal links` };
}

const text = (value) => value.replaceAll("&amp;", "&").replaceAll("&#38;", "&").replaceAll("&quot;", '"');
