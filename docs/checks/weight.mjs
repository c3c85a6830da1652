// What a page weighs with the styles, scripts and pictures that it names, as a static server sends them. The search and its index come when somebody searches.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { base, published } from "../build/project.mjs";
import { built } from "./pages.mjs";

const LIMIT = 200 * 1024;

export function weight() {
  const wrong = [];
  let heaviest = ["", 0];
  for (const [address, html] of built()) {
    let bytes = Buffer.byteLength(html);
    const seen = new Set([...html.matchAll(/<(?:script|link|img)\b[^>]*?\s(?:href|src)="([^"]+\.(?:css|js|svg|png))"/g)].map(([, path]) => path));
    for (const path of seen) {
      const file = join(published, path.replace(base, "/"));
      if (path.startsWith("/") && existsSync(file)) bytes += statSync(file).size;
    }
    if (bytes > heaviest[1]) heaviest = [address, bytes];
    if (bytes > LIMIT) wrong.push(`${address} weighs ${Math.ceil(bytes / 1024)} KiB, more than ${LIMIT / 1024}`);
  }
  return { wrong, said: `the heaviest page is ${heaviest[0]} with ${Math.ceil(heaviest[1] / 1024)} KiB` };
}
