// The record of what ran, written where the report reads it.

import { writeFileSync } from "node:fs";

const record = [];

/** Says that a check of an oracle ran to its end. */
export function ran(oracle, check) {
  const { provider, name } = oracle.case;
  record.push({ provider, case: name, library: `npm:${oracle.library}`, version: oracle.version, check });
}

process.on("exit", () => {
  if (process.env.KNOCKER_ORACLES_RECORD) writeFileSync(process.env.KNOCKER_ORACLES_RECORD, JSON.stringify(record));
});
