import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { failure, github } from "./workplace.js";

const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

/** Codes whose class has another name. */
const NAMES = { io_error: "IoError", sqlite_error: "SqliteError", interrupted: "CallInterruptedError" };

/** The class tree follows the table of the core. */
export default function errors(runtime) {
  const { describe, it, knocker } = runtime;

  describe("errors", () => {
    it("have a class for every code of the core's table, with its facts", async () => {
      const { hooks } = github(runtime);
      const table = hooks.query("SELECT code, retryable, hint FROM knocker_errors");
      assert.ok(table.length >= 15);
      for (const { code } of table) {
        const name = NAMES[code] ?? `${code.replace(/(^|_)([a-z])/g, (_, __, letter) => letter.toUpperCase())}Error`;
        assert.ok(knocker[name]?.prototype instanceof knocker.KnockerError, `${code} has no class ${name}`);
      }
      await hooks.close();
    });

    it("carry code, message, hint, retryable and cause", async () => {
      const { hooks } = github(runtime);
      const error = await failure(hooks.replay(7));
      assert.ok(
        error instanceof knocker.UnknownEventError && error instanceof knocker.NotFoundError && error instanceof knocker.KnockerError,
      );
      const hint = "hooks.events() lists what there is; a pruned event is gone.";
      assert.deepEqual([error.name, error.code, error.retryable, error.hint], ["UnknownEventError", "unknown_event", false, hint]);
      assert.ok(!error.message.startsWith("knocker:"));
      assert.match(error.message, /7/);
      assert.match(error.cause.message, /^knocker: unknown_event: /);
      await hooks.close();
    });

    it("and calls have the names of the contract", () => {
      const contract = JSON.parse(readFileSync(new URL("../../../../extension/contract/contract.json", import.meta.url), "utf8"));
      const missing = contract.functions.filter(
        ({ method }) => method && typeof knocker[method.of].prototype[camel(method.name)] !== "function",
      );
      assert.deepEqual(missing, []);
      assert.deepEqual(
        contract.errors.codes.filter(({ class: name }) => !knocker[`${name}Error`]),
        [],
      );
    });

    it("speak JavaScript and not SQL", async () => {
      for (const known of Object.values(knocker).filter((value) => value?.prototype instanceof knocker.KnockerError)) {
        assert.doesNotMatch(known.hint, /SELECT|PRAGMA|knocker_|[a-z]_[a-z]/, known.name);
      }
      const { hooks } = github(runtime);
      const both = await failure(hooks.pruneEvents({ olderThanS: 5, before: 5 }));
      assert.match(both.message, /give olderThanS \(seconds\) or before/);
      const setting = await failure(() => hooks.endpoint("orders", { maxAttempts: 0 }));
      assert.match(setting.message, /config: maxAttempts: 0 is not between 1 and 1000/);
      await hooks.close();
    });

    it("of SQLite itself have the code of their kind", async () => {
      const missing = await failure(() => runtime.open("/nowhere/at/all/app.db"));
      assert.ok(missing instanceof knocker.DatabaseError, missing.name);
      const { hooks } = github(runtime);
      assert.equal((await failure(() => hooks.query("SELEC 1"))).code, "sqlite_error");
      await hooks.close();
    });

    it("name the file that is no database", async () => {
      const error = await failure(() => runtime.open(new URL(import.meta.url).pathname));
      assert.equal(error.code, "corrupt");
    });
  });
}
