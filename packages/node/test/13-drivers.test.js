import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { file } from "../../js/suite/workplace.js";
import { driver } from "./opening.js";
import { runtime } from "./runtime.js";

const { describe, it } = runtime;
const hasBuiltIn = process.getBuiltinModule?.("node:sqlite") !== undefined;

/** Runs a module in a process of its own: which libraries a process has loaded stays for its life. */
async function run(source) {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", source], {
    cwd: new URL("..", import.meta.url),
    env: { ...process.env, FILE: file() },
  });
  return JSON.parse(stdout);
}

describe("choosing a driver", () => {
  it("takes the built-in SQLite where there is one, else better-sqlite3", async () => {
    const name = await run(`
      import { open } from "@knocker/node";
      const hooks = open(process.env.FILE);
      let name;
      hooks.endpoint("a", {}).on("*", (event, tx) => void (name = tx.constructor.name));
      await hooks.endpoint("a").ingest({ valid: true }, "");
      const { drain } = await import("@knocker/node/testing");
      await drain(hooks);
      await hooks.close();
      console.log(JSON.stringify(name));
    `);
    assert.equal(name, hasBuiltIn ? "DatabaseSync" : "Database");
  });

  it("says what to do where there is no driver by that name", async () => {
    const [code, hint] = await run(`
      import { open } from "@knocker/node";
      try {
        open(process.env.FILE, { driver: "sqlite3" });
      } catch (error) {
        console.log(JSON.stringify([error.code, error.hint.length > 0]));
      }
    `);
    assert.deepEqual([code, hint], ["usage", true]);
  });

  // Two libraries in one process exist only where Node brings its own.
  if (hasBuiltIn && driver !== "node:sqlite") {
    it("refuses a second SQLite library on the same file, with the reason", async () => {
      const refusals = await run(`
        import Database from "${driver}";
        import { DatabaseSync } from "node:sqlite";
        import { attach, open, load } from "@knocker/node";
        const hooks = attach(new Database(process.env.FILE));
        const refusals = [];
        for (const work of [
          () => open(process.env.FILE, { driver: DatabaseSync }),
          () => attach(new DatabaseSync(process.env.FILE, { allowExtension: true })),
          () => load(new DatabaseSync(":memory:", { allowExtension: true })),
        ]) {
          try {
            work();
            refusals.push("none");
          } catch (error) {
            refusals.push(error.code + ": " + error.message + ": " + error.hint);
          }
        }
        await hooks.close();
        console.log(JSON.stringify(refusals));
      `);
      for (const refusal of refusals) assert.match(refusal, /^second_sqlite: .*another SQLite library.*: Use one SQLite library/);
    });
  }

  if (driver === "node:sqlite") {
    it("explains a DatabaseSync that was opened without allowExtension", async () => {
      const message = await run(`
        import { DatabaseSync } from "node:sqlite";
        import { attach } from "@knocker/node";
        try {
          attach(new DatabaseSync(process.env.FILE));
        } catch (error) {
          console.log(JSON.stringify(error.code + ": " + error.message));
        }
      `);
      assert.match(message, /^driver_missing: .*allowExtension: true/);
    });
  }
});
