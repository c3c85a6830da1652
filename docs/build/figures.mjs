// Tables and charts of what the benchmarks printed last, from extension/bench/results.json, which `make bench` writes, or from the file that
// KNOCKER_BENCH_RESULTS names.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { forge, repository } from "./project.mjs";
import { code, prose, table } from "./prose.mjs";

/** What each part is compared with: where that is written. */
const BASELINES = {
  core: "extension/bench/src/hand.rs",
  "disks-2-ms": "extension/bench/src/disks.rs",
  "disks-5-ms": "extension/bench/src/disks.rs",
  command: "packages/cli/run-bench",
  python: "packages/python/bench/receives.py",
  node: "packages/js/core/bench/by-hand.js",
  bun: "packages/js/core/bench/by-hand.js",
  go: "packages/go/bench/main.go",
  ruby: "packages/ruby/bench/by_hand.rb",
  elixir: "packages/elixir/bench/bench.exs",
};

/** A chart of more bars than these is read by nobody. */
const MOST_BARS = 24;

const results = JSON.parse(readFileSync(process.env.KNOCKER_BENCH_RESULTS ?? join(repository, "extension/bench/results.json"), "utf8"));

/** The figures of one part of `make bench`, as Markdown of a page with components. */
export function figures(of) {
  const part = results[of];
  if (!part) throw new Error(`extension/bench/results.json has no figures of ${of}: there are ${Object.keys(results).join(", ")}`);
  const baseline = BASELINES[of];
  if (!existsSync(join(repository, baseline ?? "?"))) throw new Error(`docs/build/figures.mjs does not say what ${of} is compared with`);
  const { processor, cores, system, sync_ms } = part.machine;
  return [
    ...part.tables.flatMap(shown),
    `*Measured on ${part.date} at commit ${part.commit}: ${prose(processor)}, ${cores} cores, ${system}, a sync in ${sync_ms} ms. What it is compared with: [${baseline}](${forge}/blob/main/${baseline}). Repeat it:* ${code(part.repeat)}`,
  ].join("\n\n");
}

function shown({ notes, columns, rows }) {
  const width = Math.max(columns.length, ...rows.map((row) => row.length));
  const wide = (cells) => [...cells, ...Array(width - cells.length).fill("")];
  const bars = series(columns, rows);
  return [
    ...notes.map(sentence),
    table(wide(columns), rows.map((row) => wide(row.map((cell, index) => (index ? readable(cell) : cell))))),
    ...(bars.length > 1 && bars.length <= MOST_BARS ? [`<Fragment set:html={${JSON.stringify(chart(bars))}} />`] : []),
  ];
}

/** A note as it stands on the page. */
export function sentence(note) {
  const text = prose(note);
  return text[0].toUpperCase() + text.slice(1) + (text.endsWith(".") ? "" : ".");
}

/** 11900 as 11,900, and 2.2x as 2.2 ×. */
function readable(cell) {
  return cell.replace(/^\d{4,}/, (digits) => Number(digits).toLocaleString("en")).replace(/^([\d.]+)x$/, "$1 ×");
}

/** Of a ratio with such a bound less is better. In a chart, where longer bars are better ones, it would mislead. */
const isOfCost = (row) => row.some((cell) => cell.startsWith("<="));

/** The ratios of a table of which more is better: a cell that ends with x, or one below a heading that says so. */
export function series(columns, rows) {
  const several = columns.filter((_, index) => rows.some((row) => ratio(columns, row, index))).length > 1;
  return rows.filter((row) => !isOfCost(row)).flatMap((row) =>
    row.flatMap((_, index) => {
      const value = ratio(columns, row, index);
      return value ? [{ name: several ? `${row[0]}: ${columns[index].replace(/^ratio, /, "")}` : row[0], value }] : [];
    }),
  );
}

function ratio(columns, row, index) {
  const found = /^(\d+(?:\.\d+)?)(x?)$/.exec(row[index] ?? "");
  return index && found && (found[2] || /^ratio\b/.test(columns[index] ?? "")) ? Number(found[1]) : undefined;
}

/** Bars below their names, with a mark at 1, which is the baseline. Names break where the screen is narrow. */
export function chart(bars) {
  const most = Math.max(1.2, ...bars.map(({ value }) => value));
  const share = (value) => `${((value / most) * 100).toFixed(1)}%`;
  const text = (value) => value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
  const said = bars.map(({ name, value }) => `${name} ${value}`).join("; ");
  const drawn = bars.map(({ name, value }) => `<span>${text(name)}: ${value} ×</span><div><i style="width:${share(value)}"></i><b style="left:${share(1)}"></b></div>`);
  return `<figure class="bars not-content"><div role="img" aria-label="${text(`Times the baseline: ${said}`)}">${drawn.join("")}</div><figcaption>The mark is the baseline: 1 ×.</figcaption></figure>`;
}
