// What `make docs-check` runs on the built site. Prints a line for each check; what is wrong ends it with 1.
import { blocks } from "./blocks.mjs";
import { links } from "./links.mjs";
import { names } from "./names.mjs";
import { spelling } from "./spelling.mjs";
import { weight } from "./weight.mjs";

let wrong = 0;
for (const check of [blocks, names, links, weight, spelling]) {
  const result = await check();
  wrong += result.wrong.length;
  console.log(`${result.wrong.length ? "WRONG" : "ok"}  ${result.said}`);
  for (const line of result.wrong) console.log(`  ${line.replaceAll("\n", "\n  ")}`);
}
process.exitCode = wrong ? 1 : 0;
