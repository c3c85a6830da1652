import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { failure, file, folder, rows, value } from "./workplace.js";

/** Finding the library and getting it onto a connection. */
export default function loading(runtime) {
  const { describe, it, knocker, openRaw } = runtime;

  function withExtension(path, work) {
    const before = process.env.KNOCKER_EXTENSION;
    if (path === undefined) delete process.env.KNOCKER_EXTENSION;
    else process.env.KNOCKER_EXTENSION = path;
    try {
      return work();
    } finally {
      process.env.KNOCKER_EXTENSION = before;
    }
  }

  describe("loading the library", () => {
    it("takes the explicit path before KNOCKER_EXTENSION", () => {
      const real = process.env.KNOCKER_EXTENSION;
      withExtension("/nowhere/libknocker.so", () => assert.equal(knocker.loadablePath(real), real));
      assert.equal(knocker.loadablePath(), real);
    });

    it("says where it looked when there is no library", async () => {
      const missing = join(folder(), "libknocker.so");
      const error = await failure(() => withExtension(missing, () => knocker.loadablePath()));
      assert.ok(error instanceof knocker.LibraryNotFoundError && error instanceof knocker.SetupError);
      assert.match(error.message, /KNOCKER_EXTENSION says .*no such file/);
      const bare = await failure(() => withExtension(undefined, () => knocker.loadablePath()));
      assert.match(bare.message, /@knocker\/lib-linux-x64-gnu/);
      assert.match(bare.hint, /KNOCKER_EXTENSION/);
    });

    it("looks first for the library of the libc that this process runs on, whatever else the machine has", async () => {
      const libc = process.report.getReport().header.glibcVersionRuntime ? "gnu" : "musl";
      const { message } = await failure(() => withExtension(undefined, () => knocker.loadablePath()));
      assert.match(message, new RegExp(`is set, and @knocker/lib-linux-${process.arch}-${libc} and `));
    });

    it("loads on a connection of the application, twice without harm, and writes nothing", () => {
      const database = openRaw(file());
      knocker.load(database);
      knocker.load(database);
      assert.match(value(database, "SELECT knocker_version()"), /^\d+\.\d+\.\d+/);
      assert.deepEqual(rows(database, "SELECT name FROM sqlite_schema"), []);
      database.close();
    });

    it("says which file is no library", async () => {
      const text = join(folder(), "libknocker.so");
      writeFileSync(text, "not a library");
      const error = await failure(() => runtime.open(file(), { extension: text }));
      assert.ok(error instanceof knocker.CannotLoadError, `${error.code}: ${error.message}`);
      assert.ok(error.message.includes(text));
    });

    it("opens with WAL, full synchronisation and foreign keys", async () => {
      const hooks = runtime.open(file());
      const pragma = (name) => Object.values(hooks.query(`PRAGMA ${name}`)[0])[0];
      assert.deepEqual([pragma("journal_mode"), pragma("synchronous"), pragma("foreign_keys")], ["wal", 2, 1]);
      await hooks.close();
      const fast = runtime.open(file(), { synchronous: "normal" });
      assert.equal(Object.values(fast.query("PRAGMA synchronous")[0])[0], 1);
      await fast.close();
    });

    it("says what is wrong with a path that cannot be opened", async () => {
      const within = folder();
      const missing = await failure(() => runtime.open(join(within, "nowhere/app.db")));
      assert.ok(missing instanceof knocker.IoError);
      assert.equal(missing.message, `cannot open ${within}/nowhere/app.db: there is no folder ${within}/nowhere`);
      assert.deepEqual([missing.retryable, /create the folder/.test(missing.hint)], [false, true]);
      const itself = await failure(() => runtime.open(within));
      assert.match(itself.message, /it is a folder$/);
    });

    it("says so where this user may not write", async () => {
      const readOnly = folder();
      const path = join(readOnly, "app.db");
      await runtime.open(path).close();
      chmodSync(path, 0o444);
      chmodSync(readOnly, 0o555);
      // Nobody, where everything is allowed to the one that runs this.
      const nobody = process.geteuid() === 0 ? 65534 : process.geteuid();
      const before = process.geteuid();
      process.seteuid(nobody);
      try {
        const folderAlone = await failure(() => runtime.open(join(readOnly, "new.db")));
        assert.match(folderAlone.message, /cannot open .*new\.db: this user may not write to the folder /);
        const both = await failure(() => runtime.open(path));
        assert.match(both.message, /cannot open .*app\.db: this user may not write to the file$/);
      } finally {
        process.seteuid(before);
        chmodSync(readOnly, 0o755);
      }
    });

    it("refuses settings that it does not know", async () => {
      assert.equal((await failure(() => runtime.open(file(), { synchronous: "off" }))).code, "usage");
      assert.equal((await failure(() => runtime.open(file(), { busyTimeoutMs: -1 }))).code, "usage");
    });

    it("refuses a file of a newer version", async () => {
      const path = file();
      const hooks = runtime.open(path);
      await hooks.close();
      const database = openRaw(path);
      database.exec("INSERT INTO _knocker_schema (version, migrated_at) VALUES (999, 0)");
      database.close();
      const error = await failure(() => runtime.open(path));
      assert.ok(error instanceof knocker.SchemaTooNewError);
      assert.match(error.hint, /Upgrade/);
    });

    it("says that closed hooks are closed", async () => {
      const hooks = runtime.open(file());
      await hooks.close();
      await hooks.close();
      assert.ok((await failure(() => hooks.query("SELECT 1"))) instanceof knocker.ClosedError);
      assert.equal((await failure(hooks.replay(1))).code, "closed");
    });
  });
}
