// The record of what ran, written where the report reads it.

import { writeFileSync } from "node:fs";

const checks = new Map();

/** Says that a check of an oracle ran to its end. */
export function ran(oracle, check) {
  checks.set(oracle, (checks.get(oracle) ?? new Set()).add(check));
}

/** Writes the record of all `oracles` when the process ends. */
export function writeAtExit(oracles) {
  const path = process.env.KNOCKER_ORACLES_RECORD;
  const line = (oracle) => {
    const { library, version, differs } = oracle;
    return { case: oracle.case.name, library: `npm:${library}`, version, differs, ran: [...(checks.get(oracle) ?? [])] };
  };
  if (path) process.on("exit", () => writeFileSync(path, JSON.stringify(oracles.map(line))));
}
