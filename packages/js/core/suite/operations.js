// The operations of the conformance data, as the contract lists them: what they are called, and the arguments that they take.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const { functions } = JSON.parse(readFileSync(new URL("../../../../extension/contract/contract.json", import.meta.url), "utf8"));

/** Arguments by operation. One that is no method of the package, but needed by tests, is `sign`; reads have views, and a text, in place of records. */
const OPERATIONS = new Map([
  ...functions
    .filter(({ name, method }) => method || name === "knocker_sign")
    // Each takes the clock, which a runner injects.
    .map(({ name, arguments: all }) => [name.replace("knocker_", ""), all.filter((one) => one.name !== "now")]),
  ["jobs", [{ name: "worker" }]],
  ["select", [{ name: "view" }, { name: "where", optional: true }]],
  ["metrics", []],
]);

/** Each operation of the contract has its counterpart in `own`, and there is no other. */
export function checkOperations(own) {
  assert.deepEqual(Object.keys(own).sort(), [...OPERATIONS.keys()].sort(), "the operations of the contract");
}

/** An operation or an argument that the contract does not know, and one that is missing, must not look like success. */
export function checkArguments(op, given, at) {
  const known = OPERATIONS.get(op);
  assert.ok(known, `${at}: the contract knows no operation ${op}`);
  const names = Object.keys(given).map((name) => (name === "body_base64" ? "body" : name));
  for (const name of names)
    assert.ok(
      known.some((one) => one.name === name),
      `${at}: ${op} takes no ${name}`,
    );
  for (const { name, optional } of known) {
    // No body is an empty one.
    assert.ok(optional || name === "body" || names.includes(name), `${at}: ${op} needs ${name}`);
  }
}
