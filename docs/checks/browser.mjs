// What `make docs-browser` does: every page in Chromium, narrow, middle and wide, light and dark. KNOCKER_SHOTS names a folder for pictures of some of them.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { base } from "../build/project.mjs";
import { built } from "./pages.mjs";
import { serve } from "./serve.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const LIMIT = 200 * 1024;
const WIDTHS = [1440, 390, 820];
/** How often a page is looked at that moves. */
const LOOKS = 3;
const SHOWN = ["", "start/quick-start/", "concepts/workers/", "providers/", "providers/stripe/", "guides/fastapi/", "runbook/", "reference/sql/", "reference/api/", "404.html"];
const shots = process.env.KNOCKER_SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

/** What is wrong is told when it is found. */
const wrong = new Set();
const tell = (line) => {
  if (!wrong.has(line)) console.log(`  ${line}`);
  wrong.add(line);
};
const addresses = [...built().keys()];
const { origin, close } = await serve();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: FLAGS });

async function open(width, scheme) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, bypassCSP: true });
  const page = await context.newPage();
  let bytes = 0;
  page.on("response", async (response) => {
    const url = response.url();
    if (!url.startsWith(origin)) tell(`${page.url()} asks another host: ${url}`);
    else if (response.status() === 404 && !page.url().endsWith("404.html")) tell(`${page.url()}: ${url} is not there`);
    // Search comes when somebody searches.
    else if (!/\/pagefind\/|ui-core/.test(url)) bytes += (await response.body().catch(() => "")).length;
  });
  page.on("pageerror", (error) => tell(`${page.url()}: ${error.message}`));
  await page.addInitScript(() => {
    window.shifted = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        window.shifted += entry.value;
        window.moved = entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 80)).join(" ");
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  const go = async (address) => {
    bytes = 0;
    await page.goto(origin + address, { waitUntil: "load" });
  };
  return { page, go, weight: () => bytes, end: () => context.close() };
}

async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ html }) => `${id}: ${html.slice(0, 140)}`));
}

/** Every page, once at each width, light and dark in turn; both everywhere for those that are shown. */
async function look(width, scheme) {
  const { page, go, weight, end } = await open(width, scheme);
  for (const [index, address] of addresses.entries()) {
    const shown = SHOWN.includes(address.slice(base.length));
    if (!shown && (index + WIDTHS.indexOf(width)) % 2 === (scheme === "light" ? 0 : 1)) continue;
    await go(address);
    const where = `${address} at ${width}, ${scheme}`;
    for (const violation of await axe(page)) tell(`${where}: ${violation}`);
    if (weight() > LIMIT) tell(`${where}: ${Math.ceil(weight() / 1024)} KiB`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) tell(`${where}: ${wide} pixels wider than the screen`);
    // A busy machine draws a long table in pieces, whose columns then move. What the page itself moves, it moves each time.
    for (let look = 1; ; look++) {
      const { shift, moved } = await page.evaluate(() => ({ shift: window.shifted, moved: window.moved }));
      if (shift <= 0.01) break;
      if (look === LOOKS) {
        tell(`${where}: the layout shifts by ${shift.toFixed(3)}: ${moved}`);
        break;
      }
      await go(address);
    }
    if (shots && shown) await page.screenshot({ path: join(shots, `${address.replace(/\W+/g, "-")}${width}-${scheme}.png`) });
  }
  await end();
}

/** With the keyboard alone: to the content, through the page and out again, and a search. */
async function keyboard() {
  const { page, go, end } = await open(1440, "light");
  await go(base);
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.textContent.trim());
  if (!/skip/i.test(first)) tell(`the first stop of the keyboard is ${JSON.stringify(first)}, no way past the navigation`);
  const seen = new Set();
  for (let stop = 0; stop < 400; stop++) {
    await page.keyboard.press("Tab");
    const place = await page.evaluate(() => {
      const all = [...document.querySelectorAll("*")];
      const outline = document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== "none";
      return document.activeElement === document.body ? null : { at: all.indexOf(document.activeElement), outline, html: document.activeElement.outerHTML.slice(0, 80) };
    });
    if (!place) break;
    if (seen.has(place.at)) {
      tell(`the keyboard is caught at ${place.html}`);
      break;
    }
    seen.add(place.at);
    if (stop === 399) tell("the keyboard does not come to the end of the page");
  }
  await page.keyboard.press("Control+k");
  await page.waitForSelector("dialog[open] input", { timeout: 10_000 });
  await page.keyboard.type("retry");
  await page.waitForSelector("dialog[open] a[href]", { timeout: 20_000 });
  await page.keyboard.press("Escape");
  if (await page.evaluate(() => document.querySelector("dialog").open)) tell("Escape does not close the search");
  await end();
  return seen.size;
}

/** A choice of a runtime holds on every page. */
async function choice() {
  const { page, go, end } = await open(1440, "light");
  await go(`${base}providers/stripe/`);
  await page.getByRole("tab", { name: "Ruby" }).first().click();
  await go(`${base}providers/github/`);
  const chosen = await page.getByRole("tab", { selected: true }).first().textContent();
  if (chosen.trim() !== "Ruby") tell(`the chosen runtime is forgotten: ${chosen.trim()}`);
  await go(`${base}providers/`);
  await page.getByLabel("Filter").fill("ed25519");
  const shown = await page.locator(".providers li:visible").count();
  if (shown < 1 || shown > 20) tell(`the filter shows ${shown} providers for "ed25519"`);
  await end();
}

const stops = await keyboard();
await choice();
for (const width of WIDTHS) await Promise.all([look(width, "light"), look(width, "dark")]);
await browser.close();
close();
console.log(`${addresses.length} pages, ${WIDTHS.join(", ")} pixels, light and dark; ${stops} stops of the keyboard; ${wrong.size} wrong`);
process.exitCode = wrong.size ? 1 : 0;
