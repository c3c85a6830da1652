// Every block of code has a source: a file that a suite runs, an output that was captured, or commands that the command knows.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../build/project.mjs";
import { prepare } from "../build/prepare.mjs";
import { commandLine } from "./commands.mjs";

/** What runs the files below a folder. */
export const SUITES = [
  ["examples/python/", "packages/python/tests/test_examples.py"],
  ["examples/node/", "packages/js/node/test/installed/installed.test.js"],
  ["examples/bun/", "packages/js/bun/test/installed/installed.test.js"],
  ["examples/go/", "packages/go/examples_test.go"],
  ["examples/ruby/", "packages/ruby/test/examples_test.rb"],
  ["examples/elixir/", "packages/elixir/run-tests"],
  ["examples/sql/", "extension/conformance/tests"],
  ["examples/deploy/", "examples/deploy/test_deploy.py"],
  ["examples/monitoring/", "examples/monitoring/test_monitoring.py"],
  ["examples/runbook/", "packages/python/tests/test_transcripts.py"],
  ["docs/captures/", "packages/cli/tests/cli"],
  ["packages/", "packages"],
  ["extension/", "extension"],
];

export function blocks() {
  const { blocks } = prepare();
  const wrong = [];
  const counts = {};
  for (const block of blocks) {
    if (installs(block)) block.kind = "install";
    counts[block.kind] = (counts[block.kind] ?? 0) + 1;
    if (block.kind === "from" || block.kind === "output of") {
      const suite = SUITES.find(([folder]) => block.file.startsWith(folder))?.[1];
      if (!suite || !existsSync(join(repository, suite))) wrong.push(`${block.page}, line ${block.line}: no suite is known to run ${block.file}; checks/blocks.mjs lists them`);
    } else if (block.kind === "install") {
      if (!tellsOfRelease(block)) wrong.push(`${block.page}, line ${block.line}: it installs what is not published yet, and the page does not lead to how it is done from a checkout`);
    } else if (block.kind === "unknown" || block.kind === "checked" || block.kind === "command") {
      const said = commands(block);
      if (said) wrong.push(`${block.page}, line ${block.line}: ${said}`);
    }
  }
  const named = Map.groupBy(Object.entries(counts), ([kind]) => NAMES[kind]);
  const said = [...named].map(([name, kinds]) => `${kinds.reduce((sum, [, count]) => sum + count, 0)} ${name}`).join(", ");
  return { wrong, said: `${blocks.length} blocks: ${said}` };
}

const NAMES = { from: "cut from files that suites run", "output of": "captured", ran: "run from their page", diagram: "drawn", tool: "from the languages' own tools", measured: "of figures that benchmarks printed", install: "of installing, to be run when there is a release (its artifacts are installed by release/package-test)", unknown: "of commands", command: "of commands", checked: "of commands" };

/** Whether a block installs Knocker from a registry: it can be run when there is a release, and until then `release/package-test` runs it with the packed artifacts. */
function installs({ kind, code }) {
  return ["unknown", "checked"].includes(kind) && /^(?:pip install knocker|npm install @knocker|bun add @knocker|go get github\.com\/knocker|bundle add knocker|gem install knocker|mix deps\.get|\{:knocker,)/m.test(code);
}

function tellsOfRelease({ page }) {
  return /start\/install/.test(page) || /install\.mdx#from-a-checkout|[Ff]rom a checkout/.test(readFileSync(join(repository, page), "utf8"));
}

/** A block of the shell: each line is a command that exists, with options that exist. */
function commands(block) {
  if (!["sh", "bash", "console"].includes(block.language)) return `this block is cut from nothing:\n${block.code}`;
  for (const line of block.code.replaceAll("\\\n", " ").split("\n")) {
    const said = commandLine(line);
    if (said) return `${said} in:\n${line}`;
  }
  return undefined;
}
