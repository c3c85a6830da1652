import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { failure, file, folder } from "@knocker/core/suite/workplace.js";
import { driver, knocker, openRaw } from "./opening.js";
import { runtime } from "./runtime.js";

const { describe, it } = runtime;
const hasBuiltIn = process.getBuiltinModule?.("node:sqlite") !== undefined;

/** The better-sqlite3 of the development dependencies that runs on this Node. */
const usable = hasBuiltIn ? "better-sqlite3-13" : "better-sqlite3";
const root = fileURLToPath(new URL("..", import.meta.url));
const installed = fileURLToPath(new URL("../../node_modules", import.meta.url));

/** A folder with this package installed, and these modules: names in the project, and folders of the workspace's `node_modules`. */
function makeProject(modules) {
  const project = folder();
  for (const part of ["package.json", "dist"])
    cpSync(join(root, part), join(project, "node_modules/@knocker/node", part), { recursive: true });
  for (const [name, from] of Object.entries(modules)) {
    for (const needed of [from, "bindings", "file-uri-to-path"]) {
      const to = join(project, "node_modules", needed === from ? name : needed);
      if (existsSync(join(installed, needed)))
        cpSync(join(installed, needed), to, { recursive: true, filter: (path) => !/[\\/](deps|obj|src)$/.test(path) });
    }
  }
  return project;
}

/** Runs a module in a process of its own: which libraries a process has loaded stays for its life. */
async function run(source, { modules, project = modules ? makeProject(modules) : root } = {}) {
  const main = join(project, `main-${Date.now()}.mjs`);
  if (project !== root) writeFileSync(main, source);
  const { stdout } = await promisify(execFile)(process.execPath, project === root ? ["--input-type=module", "-e", source] : [main], {
    cwd: project,
    env: { ...process.env, FILE: file() },
  });
  return JSON.parse(stdout);
}

describe("choosing a driver", () => {
  /** What `tx` is for hooks that were opened by `opening`, in a project with these modules. */
  const driverOf = (opening, options) =>
    run(
      `
      import { open } from "@knocker/node";
      import { drain } from "@knocker/node/testing";
      ${opening}
      let name;
      hooks.endpoint("a", {}).on("*", (event, tx) => void (name = tx.constructor.name));
      await hooks.endpoint("a").ingest({ valid: true }, "");
      await drain(hooks);
      await hooks.close();
      console.log(JSON.stringify([name, hooks.file === "" ? "memory" : "file"]));
    `,
      options,
    );

  it("takes the better-sqlite3 that the application imports", async () => {
    const opening = `import Database from "better-sqlite3"; const hooks = open(process.env.FILE);`;
    assert.deepEqual(await driverOf(opening, { modules: { "better-sqlite3": usable } }), ["Database", "file"]);
  });

  it(
    "takes the built-in SQLite by default, also beside a better-sqlite3 that is only installed, or does not load",
    { skip: !hasBuiltIn && "this Node has none" },
    async () => {
      const opening = "const hooks = open(process.env.FILE);";
      assert.deepEqual(await driverOf(opening, { modules: {} }), ["DatabaseSync", "file"]);
      assert.deepEqual(await driverOf(opening, { modules: { "better-sqlite3": usable } }), ["DatabaseSync", "file"]);
      // Compiled for another Node.
      const broken = `import "better-sqlite3"; ${opening}`;
      assert.deepEqual(await driverOf(broken, { modules: { "better-sqlite3": "better-sqlite3" } }), ["DatabaseSync", "file"]);
    },
  );

  it("takes an installed better-sqlite3 where Node has none", { skip: hasBuiltIn && "this Node has one" }, async () => {
    const opening = "const hooks = open(process.env.FILE);";
    assert.deepEqual(await driverOf(opening, { modules: { "better-sqlite3": usable } }), ["Database", "file"]);
  });

  it("takes a better-sqlite3 that a module graph has linked and not run yet", async () => {
    const project = makeProject({ "better-sqlite3": usable });
    writeFileSync(join(project, "hooks.mjs"), 'import { open } from "@knocker/node"; export const hooks = open(process.env.FILE);');
    writeFileSync(join(project, "db.mjs"), 'import Database from "better-sqlite3"; export const db = new Database(process.env.FILE);');
    const main =
      'import { hooks } from "./hooks.mjs"; import { db } from "./db.mjs"; await hooks.close(); db.close(); console.log(JSON.stringify("fine"));';
    assert.equal(await run(main, { project }), "fine");
  });

  it("tells onError of a second library that came later", { skip: !hasBuiltIn && "this Node has one only" }, async () => {
    const told = (opening) =>
      run(
        `
        import { open } from "@knocker/node";
        const errors = [];
        const hooks = open(process.env.FILE, { onError: (error) => errors.push(error.code + ": " + error.message) });
        await hooks.work().stop();
        const before = errors.length;
        ${opening}
        await hooks.work().stop();
        await hooks.work().stop();
        await hooks.close();
        console.log(JSON.stringify([before, errors]));
      `,
        { modules: { "better-sqlite3": usable } },
      );
    const [before, errors] = await told('await import("better-sqlite3");');
    assert.deepEqual([before, errors.length], [0, 1]);
    assert.match(
      errors[0],
      /^second_sqlite: .*through node:sqlite, which nobody named, and this process has loaded better-sqlite3 as well/,
    );
    assert.deepEqual(await told(""), [0, []]);
  });

  it(
    "refuses a better-sqlite3 that would end this process, before it is opened",
    { skip: hasBuiltIn && "this Node has none such" },
    async () => {
      const source = `
      import { open } from "@knocker/node";
      import Database from "better-sqlite3";
      const outcomes = [];
      for (const driver of [undefined, "better-sqlite3", Database]) {
        try {
          open(process.env.FILE, { driver });
        } catch (error) {
          outcomes.push(error.code + ": " + error.message);
        }
      }
      console.log(JSON.stringify(outcomes));
    `;
      const outcomes = await run(source, { modules: { "better-sqlite3": "better-sqlite3-13" } });
      assert.equal(outcomes.length, 3);
      for (const outcome of outcomes)
        assert.match(outcome, /^cannot_load: better-sqlite3 13\.\S+ needs Node 22 or newer, and this is Node 20/);
    },
  );

  it("says what to install where there is no driver", { skip: hasBuiltIn && "this Node has one" }, async () => {
    const source = `
      import { open } from "@knocker/node";
      try {
        open(process.env.FILE);
      } catch (error) {
        console.log(JSON.stringify([error.code, error.hint]));
      }
    `;
    const [code, hint] = await run(source, { modules: {} });
    assert.equal(code, "cannot_load");
    assert.match(hint, /on Node 20 npm install better-sqlite3@12/);
  });

  it("signs with the driver that the application works with, each in its turn", async () => {
    const source = `
      import { open } from "@knocker/node";
      import { sign } from "@knocker/node/testing";
      const hooks = open(process.env.FILE, { driver: "${hasBuiltIn ? "node:sqlite" : "better-sqlite3"}" });
      const { headers } = sign("github", "{}", "test-secret");
      await hooks.close();
      console.log(JSON.stringify(Object.keys(headers)));
    `;
    assert.ok((await run(source, { modules: { "better-sqlite3": usable } })).includes("X-Hub-Signature-256"));
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

  it("names an old SQLite before whatever else keeps the library out", async () => {
    const database = openRaw(file());
    database.function("sqlite_version", () => "3.37.2");
    const error = await failure(() => knocker.load(database, fileURLToPath(import.meta.url)));
    assert.match(error.message, /^this program's SQLite is 3\.37\.2, Knocker needs 3\.38\.0/);
    assert.equal(error.code, "unsupported_sqlite");
    database.close();
  });

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
      assert.match(message, /^cannot_load: .*allowExtension: true/);
    });
  }
});
