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
    counts[block.kind] = (counts[block.kind] ?? 0) + 1;
    if (block.kind === "from" || block.kind === "output of") {
      const suite = SUITES.find(([folder]) => block.file.startsWith(folder))?.[1];
      if (!suite || !existsSync(join(repository, suite))) wrong.push(`${block.page}, line ${block.line}: no suite is known to run ${block.file}; checks/blocks.mjs lists them`);
    } else if (block.kind === "unknown" || block.kind === "checked" || block.kind === "command") {
      const said = commands(block);
      if (said) wrong.push(`${block.page}, line ${block.line}: ${said}`);
    }
  }
  const said = Object.entries(counts).map(([kind, count]) => `${count} ${NAMES[kind]}`).join(", ");
  return { wrong, said: `${blocks.length} blocks: ${said}` };
}

const NAMES = { from: "cut from files that suites run", "output of": "captured", ran: "run from their page", diagram: "drawn", unknown: "of commands", command: "of commands", checked: "of commands" };

/** A block of the shell: each line is a command that exists, with options that exist. */
function commands(block) {
  if (!["sh", "bash", "console"].includes(block.language)) return `this block is cut from nothing:\n${block.code}`;
  for (const line of block.code.replaceAll("\\\n", " ").split("\n")) {
    const said = commandLine(line);
    if (said) return `${said} in:\n${line}`;
  }
  return undefined;
}
