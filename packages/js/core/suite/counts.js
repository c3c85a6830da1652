import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** Tells `release/conformance-table` how many cases of `kind` ran. */
export function writeCount({ name, label }, kind, ran) {
  const folder = join(process.env["CARGO_TARGET_DIR"] || join(ROOT, "target"), "conformance");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.${kind}.json`), `${JSON.stringify({ package: name, kind, ran, on: label })}\n`);
}
