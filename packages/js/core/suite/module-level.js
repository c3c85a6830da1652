import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import { start } from "./starting.js";
import { file } from "./workplace.js";

/** Applications whose handlers live at module level, tested as people test them, with each runner of this runtime. */
export default function moduleLevel(runtime) {
  const { describe, it } = runtime;
  const app = fileURLToPath(new URL("fixtures/app/", import.meta.url));

  describe("handlers at module level", () => {
    for (const [runner, program, ...args] of runtime.runners) {
      it(`are tested with ${runner} on a file of the test's own, and one that fails shows its error`, async () => {
        const { NODE_TEST_CONTEXT: _inner, FORCE_COLOR: _colour, ...inherited } = process.env;
        const env = {
          ...inherited,
          NO_COLOR: "1",
          KNOCKER_TEST_OPENING: runtime.opening,
          KNOCKER_TEST_TESTING: runtime.testingModule,
          KNOCKER_TEST_FILE: file(),
        };
        const { code, stdout, stderr } = await start(program, [...args], { env, cwd: app }).exited;
        const said = stdout + stderr;
        assert.equal(code, 0, said);
        assert.match(said, /pass 4|4 pass/, said);
        assert.match(said, /event 1 of inbound \(broken\), attempt 1: failed: TypeError: no such customer\n.*shop\.js:\d+/, said);
      });
    }
  });
}
