import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { setUp as handling } from "./tenant-handlers.js";
import { client, post } from "./serving.js";
import { start as startProgram } from "./starting.js";
import { deferred, failure, folder, internals, PATIENCE_MS, push, SECRET, until, value } from "./workplace.js";

/** Many files, one a tenant. */
export default function tenants(runtime) {
  const { describe, it, openRaw } = runtime;
  const data = (name) =>
    JSON.parse(readFileSync(new URL(`../../../../extension/conformance/tenants/${name}.json`, import.meta.url), "utf8"));
  const fixture = (name) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
  const environment = (path) => ({ ...process.env, KNOCKER_TEST_OPENING: runtime.opening, KNOCKER_TEST_FILE: path });
  const start = (path, ...command) => startProgram(process.execPath, command, { env: environment(path) });

  /** Tenants of a folder, and what goes wrong out of sight. */
  function opened({ place = folder(), setUp = receiving, pattern = "*.db", ...options } = {}) {
    const errors = [];
    const given = { busyTimeoutMs: PATIENCE_MS, onError: (error) => errors.push(error), logger: false, ...options };
    return { tenants: runtime.openMany(join(place, pattern), setUp, given), place, errors };
  }

  /** What a process needs that only receives. */
  function receiving(hooks) {
    hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
    hooks.endpoint("inbox", {});
  }

  const received = async (hooks) => (await hooks.stats()).events.received;

  /** Uses the hooks of a tenant until `release` is called, and gives them once it has them. */
  async function held(tenants, name) {
    const [entered, released] = [deferred(), deferred()];
    const used = tenants.hooks(name, (hooks) => (entered.resolve(hooks), released.promise));
    const release = async () => {
      released.resolve();
      await used;
    };
    return { hooks: await entered.promise, release };
  }

  /** Stores so many events for a tenant. */
  const fill = (tenants, name, events) =>
    tenants.hooks(name, async (hooks) => {
      const inbox = hooks.endpoint("inbox");
      for (let n = 0; n < events; n++) await inbox.ingest({ valid: true, type: "order", key: `${n}` }, "{}");
    });

  function count(path, sql) {
    const database = openRaw(path);
    try {
      database.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}`);
      return value(database, sql);
    } catch (error) {
      if (/no such table/.test(String(error.message))) return 0;
      throw error;
    } finally {
      database.close();
    }
  }

  /** Settles when the tenant has an order for each of its events; it must not have more. */
  async function orderedOnce(place, name, events) {
    const path = join(place, `${name}.db`);
    await until(() => count(path, "SELECT count(*) FROM orders") >= events, `the orders of ${name}`);
    assert.deepEqual([count(path, "SELECT count(*) FROM orders"), count(path, "SELECT count(DISTINCT key) FROM orders")], [events, events]);
  }

  const names = (most) => Array.from({ length: most }, (_, n) => `t${String(n).padStart(3, "0")}`);

  /** What is in a folder, but for what SQLite keeps beside its files. */
  const listed = (place) =>
    readdirSync(place, { recursive: true })
      .map(String)
      .filter((name) => !/-(wal|shm)$/.test(name))
      .sort();

  describe("many files: the tenants", () => {
    it("are their files", async () => {
      const { tenants, place } = opened();
      await tenants.create("acme");
      await tenants.create("globex");
      assert.deepEqual(tenants.names(), ["acme", "globex"]);
      await fill(tenants, "acme", 2);
      const events = (name) => count(join(place, `${name}.db`), "SELECT count(*) FROM knocker_events");
      assert.deepEqual([events("acme"), events("globex")], [2, 0]);
      assert.equal((await failure(tenants.create("acme"))).code, "usage");
      await tenants.close();
    });

    it("may have folders of their own", async () => {
      const { tenants, place } = opened({ pattern: join("of-*", "app.db") });
      await tenants.create("acme");
      mkdirSync(join(place, "of-nobody"));
      assert.deepEqual(tenants.names(), ["acme"]);
      await fill(tenants, "acme", 1);
      await tenants.close();
    });

    it("have the names that every package takes, and no others: nothing is made and nothing left", async () => {
      const { pattern, files, folders, links, cases } = data("names");
      const place = folder();
      for (const path of files) {
        mkdirSync(dirname(join(place, path)), { recursive: true });
        writeFileSync(join(place, path), "");
      }
      for (const path of folders) mkdirSync(join(place, path), { recursive: true });
      for (const [path, to] of Object.entries(links)) symlinkSync(to, join(place, path));
      const { tenants } = opened({ place, pattern });
      const before = listed(place);
      for (const { name: given, known } of cases) {
        const name = typeof given === "string" ? given : given.repeated.repeat(given.times);
        const found = await tenants.hooks(name, () => "known").catch(({ code }) => code);
        const answer = await tenants.fetch(() => name)(new Request("http://localhost/webhooks/inbox", { method: "POST", body: "{}" }));
        assert.deepEqual([found, answer.status !== 404], known ? ["known", true] : ["unknown_tenant", false], name.slice(0, 40));
        assert.deepEqual(listed(place), before, name.slice(0, 40));
      }
      for (const name of [undefined, null, 7, {}, ["acme"]]) {
        assert.equal((await failure(tenants.hooks(name, () => {}))).code, "unknown_tenant");
        assert.equal((await tenants.fetch(() => name)(new Request("http://localhost/webhooks/inbox"))).status, 404);
      }
      await tenants.close();
    });

    it("stand where a pattern says, as in every package", async () => {
      const { cases, wrong } = data("patterns");
      for (const { pattern, files, names } of cases) {
        const place = folder();
        for (const path of files) {
          mkdirSync(dirname(join(place, path)), { recursive: true });
          writeFileSync(join(place, path), "");
        }
        const { tenants } = opened({ place, pattern });
        assert.deepEqual(tenants.names(), Object.keys(names).sort(), pattern);
        await tenants.close();
      }
      for (const pattern of wrong) {
        const at = pattern === "" ? "" : `${folder()}/${pattern}`;
        assert.equal((await failure(async () => runtime.openMany(at, receiving))).code, "usage", pattern);
      }
    });

    it("need arguments that can be meant", async () => {
      const pattern = join(folder(), "*.db");
      for (const given of [
        [pattern],
        [pattern, receiving, { maxOpen: 0 }],
        [pattern, receiving, { maxopen: 3 }],
        [pattern, receiving, null],
        [7, receiving],
      ]) {
        assert.equal((await failure(async () => runtime.openMany(...given))).code, "usage");
      }
      const { tenants } = opened();
      assert.equal((await failure(async () => tenants.work({ concurrency: 0 }))).code, "usage");
      assert.equal((await failure(tenants.hooks("acme"))).code, "usage");
      await tenants.close();
      assert.equal((await failure(async () => tenants.work())).code, "closed");
      assert.equal((await failure(async () => runtime.open(join(folder(), "app.db"), { maxOpen: 2 }))).code, "usage");
    });
  });

  describe("many files: those that are open", () => {
    it("are opened and set up once while they are used, also by several at once", async () => {
      let setUps = 0;
      const { tenants } = opened({
        setUp: async (hooks) => {
          setUps += 1;
          await new Promise((resolve) => setImmediate(resolve));
          receiving(hooks);
        },
      });
      await tenants.create("acme");
      const found = await Promise.all(Array.from({ length: 20 }, () => tenants.hooks("acme", (hooks) => hooks)));
      assert.deepEqual([new Set(found).size, setUps], [1, 1]);
      await tenants.close();
    });

    it("are waited for no longer than for a place while they are set up, also by the set-up itself", async () => {
      const goOn = deferred();
      const { tenants } = opened({
        busyTimeoutMs: 50,
        setUp: async (hooks, tenant) => {
          if (tenant === "acme") return goOn.promise;
          await tenants.hooks(tenant, () => {});
        },
      });
      const made = tenants.create("acme");
      assert.equal((await failure(tenants.hooks("acme", () => {}))).code, "busy");
      goOn.resolve();
      await made;
      assert.equal(await tenants.hooks("acme", () => "open"), "open");
      assert.equal((await failure(tenants.create("itself"))).code, "busy");
      assert.equal(tenants.openFiles, 1);
      await tenants.close();
    });

    for (const seenGone of [false, true]) {
      it(`give their place to a backup without what they left in their log${seenGone ? ", also where they are removed before" : ""}`, async () => {
        const [{ tenants, place }, backups] = [opened(), opened()];
        await backups.tenants.create("acme");
        await fill(backups.tenants, "acme", 3);
        await backups.tenants.close();
        await tenants.create("acme");
        await fill(tenants, "acme", 1);
        const path = join(place, "acme.db");
        if (seenGone) {
          rmSync(path);
          assert.equal((await failure(tenants.hooks("acme", () => {}))).code, "unknown_tenant");
        }
        renameSync(join(backups.place, "acme.db"), path);
        const events = () => tenants.hooks("acme", received).catch(({ code }) => assert.equal(code, "file_replaced"));
        await until(async () => (await events()) === 3, "the backup");
        rmSync(path);
        assert.equal((await failure(tenants.hooks("acme", () => {}))).code, "unknown_tenant");
        await tenants.create("acme");
        assert.equal(await tenants.hooks("acme", received), 0);
        await tenants.close();
      });
    }

    it("are never more than may be, and none is closed under its users", async () => {
      const { tenants } = opened({ maxOpen: 2, busyTimeoutMs: 50 });
      for (const name of ["a", "b", "c"]) await tenants.create(name);
      const [first, second] = [await held(tenants, "a"), await held(tenants, "b")];
      const error = await failure(tenants.hooks("c", () => {}));
      assert.deepEqual([error.code, error.retryable], ["too_many_open", true]);
      await second.release();
      await fill(tenants, "c", 1);
      await first.hooks.endpoint("inbox").ingest({ valid: true, type: "order" }, "{}");
      await first.release();
      // The one that was used longest ago is closed for the next one.
      await tenants.hooks("b", () => {});
      assert.equal((await failure(async () => first.hooks.stats())).code, "closed");
      await tenants.close();
    });

    it("are given to those who wait, one after the other", async () => {
      const { tenants } = opened({ maxOpen: 1 });
      for (const name of names(5)) await tenants.create(name);
      await Promise.all([...names(5), ...names(5)].map((name) => fill(tenants, name, 3)));
      for (const name of names(5)) assert.equal(await tenants.hooks(name, received), 3);
      await tenants.close();
    });

    it("are nobody's to close but those of all", async () => {
      const { tenants } = opened();
      await tenants.create("acme");
      await tenants.hooks("acme", async (hooks) => {
        for (const work of [() => hooks.close(), () => hooks.reopen()]) assert.equal((await failure(work)).code, "usage");
        await hooks.endpoint("inbox").ingest({ valid: true, type: "order" }, "{}");
      });
      await tenants.close();
      await tenants.close();
      assert.equal((await failure(tenants.hooks("acme", () => {}))).code, "closed");
    });

    it("are no tenant's any more where they are removed, and may come back", async () => {
      const { tenants, place } = opened();
      await tenants.create("acme");
      await fill(tenants, "acme", 2);
      for (const name of readdirSync(place)) rmSync(join(place, name));
      assert.equal((await failure(tenants.hooks("acme", () => {}))).code, "unknown_tenant");
      assert.deepEqual(listed(place), []);
      await tenants.create("acme");
      await fill(tenants, "acme", 1);
      assert.equal(await tenants.hooks("acme", received), 1);
      await tenants.close();
    });

    it("that cannot be set up say why, and are tried again", async () => {
      const lines = [];
      const line = (...words) => lines.push(JSON.stringify(words));
      const logger = { debug() {}, info() {}, warn: line, error: line };
      const wrong = new Error("its settings are missing, and its secret is s3cr3t");
      let isRight = true;
      const setUp = async (hooks) => {
        if (!isRight) throw wrong;
        receiving(hooks);
      };
      const { tenants, place } = opened({ setUp, logger, maxOpen: 1 });
      for (const name of ["acme", "globex"]) await tenants.create(name);
      isRight = false;
      assert.equal(await failure(tenants.hooks("acme", () => {})), wrong);
      const answer = await tenants.fetch(() => "acme")(new Request("http://localhost/github", { method: "POST", body: "{}" }));
      assert.equal(answer.status, 500);
      assert.match(lines.join("\n"), /receipt_failed/);
      assert.match(lines.join("\n"), /tenant \\"acme\\", endpoint github: receipt not stored, answered 500/);
      assert.doesNotMatch(lines.join("\n"), /s3cr3t/);
      isRight = true;
      await fill(tenants, "acme", 1);
      await tenants.close();
      assert.deepEqual(listed(place), ["acme.db", "globex.db"]);
    });
  });

  describe("many files: over HTTP", () => {
    async function served(tenants, work) {
      const handle = tenants.express((request) => request.headers["x-tenant"]);
      const server = createServer(handle).listen(0, "127.0.0.1");
      await once(server, "listening");
      try {
        await work(server.address().port);
      } finally {
        server.closeAllConnections?.();
        server.close();
      }
    }

    it("a request goes to its tenant, and none to nobody's", async () => {
      const { tenants, errors } = opened();
      for (const name of ["acme", "globex"]) await tenants.create(name);
      await served(tenants, async (port) => {
        const signed = push(runtime);
        const sent = async (tenant, path) => (await post(port, signed, { path, headers: { "x-tenant": tenant } })).status;
        assert.equal(await sent("acme", "/webhooks/github"), 200);
        assert.equal(await sent("acme", "/webhooks/nothing"), 404);
        assert.equal(await sent("nobody", "/webhooks/github"), 404);
        assert.equal(await sent("../acme", "/webhooks/github"), 404);
        const request = () =>
          new Request("http://localhost/webhooks/github", { method: "POST", headers: signed.headers, body: signed.body });
        const byFetch = tenants.fetch(async () => "globex");
        assert.deepEqual([(await byFetch(request())).status, (await byFetch(request())).status], [200, 200]);
        const byHono = tenants.hono((context) => context.req.raw.headers.get("host") ?? "globex");
        assert.equal((await byHono({ req: { raw: request() } })).status, 200);
      });
      for (const name of ["acme", "globex"]) assert.equal(await tenants.hooks(name, received), 1);
      assert.deepEqual(errors, []);
      await tenants.close();
    });

    it("what says whose a request is may fail: nothing is stored", async () => {
      const { tenants, errors } = opened();
      const answer = await tenants.fetch(() => {
        throw new TypeError("no such header");
      })(new Request("http://localhost/github", { method: "POST", body: "{}" }));
      assert.deepEqual([answer.status, errors.length], [500, 1]);
      await tenants.close();
    });

    it("a sender that takes its time keeps no file open", async () => {
      const { tenants } = opened({ maxOpen: 1, busyTimeoutMs: 50 });
      for (const name of ["slow", "quick"]) await tenants.create(name);
      await served(tenants, async (port) => {
        const signed = push(runtime, { body: '{"ref": "main"}' });
        const length = String(Buffer.byteLength(signed.body));
        const slow = client(port, { headers: { ...signed.headers, "x-tenant": "slow", "content-length": length } });
        await slow.send(signed.body.slice(0, 5));
        const { status } = await post(port, signed, { headers: { "x-tenant": "quick" } });
        slow.end(signed.body.slice(5));
        assert.deepEqual([status, (await slow.response).status], [200, 200]);
      });
      await tenants.close();
    });

    it("more tenants at once than files may be open are told to come again", async () => {
      const { tenants } = opened({ maxOpen: 1, busyTimeoutMs: 20 });
      for (const name of ["acme", "globex"]) await tenants.create(name);
      const acme = await held(tenants, "acme");
      const answer = await tenants.fetch(() => "globex")(new Request("http://localhost/github", { method: "POST", body: "{}" }));
      assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "5"]);
      await acme.release();
      await tenants.close();
    });
  });

  describe("many files: the worker", () => {
    it("handles the events of all once, also where processes are killed", async () => {
      const { tenants, place } = opened();
      const all = names(16);
      for (const name of all) await tenants.create(name);
      const pattern = join(place, "*.db");
      const worker = () => start(pattern, runtime.command, fixture("tenants.js"), "--concurrency", "2", "--lease", "1");
      const workers = [worker(), worker()];
      for (const [n, name] of all.entries()) {
        await fill(tenants, name, 6);
        if (n % 5 !== 4) continue;
        const at = n % 2;
        workers[at].child.kill("SIGKILL");
        await workers[at].exited;
        workers[at] = worker();
      }
      for (const name of all) await orderedOnce(place, name, 6);
      for (const { child, exited, told } of workers) {
        child.kill("SIGTERM");
        assert.equal((await exited).code, 0, told.stderr);
      }
      await tenants.close();
    });

    it("wakes for a commit of another process, and for a file that is added", async () => {
      const { tenants, place, errors } = opened({ setUp: handling });
      const worker = tenants.work();
      const sender = start(place, fixture("sender.js"));
      await until(() => sender.told.stdout.includes("ready"), "the sender");
      for (const name of names(5)) {
        await tenants.create(name);
        sender.child.stdin.write(`${name}\n`);
        await orderedOnce(place, name, 1);
      }
      sender.child.stdin.end();
      assert.equal((await sender.exited).code, 0, sender.told.stderr);
      await worker.stop();
      await tenants.close();
      assert.deepEqual(errors, []);
    });

    it("keeps nobody waiting for a long backlog: every place is held by one that has no end, and each gets its turns", async () => {
      const handled = new Map();
      const working = new Set();
      let [isOver, most] = [false, 0];
      const { tenants } = opened({
        maxOpen: 2,
        setUp: (hooks, tenant) => {
          const inbox = hooks.endpoint("inbox", {});
          inbox.on("*", (event, tx) => {
            working.add(tenant);
            most = Math.max(most, tenants.openFiles);
            handled.set(tenant, (handled.get(tenant) ?? 0) + 1);
            if (!tenant.startsWith("busy") || isOver) return;
            tx.prepare("SELECT knocker_ingest('inbox', json_object('valid', json('true'), 'type', 'order', 'key', ? || '+'), x'')").get(
              event.key,
            );
          });
        },
      });
      for (const name of ["busy0", "busy1", ...names(20)]) await tenants.create(name);
      for (const name of ["busy0", "busy1"]) await fill(tenants, name, 3);
      const worker = tenants.work();
      await until(() => handled.get("busy0") && handled.get("busy1"), "every place is busy");
      for (const name of names(20)) await fill(tenants, name, 1);
      for (const name of names(20)) await until(() => handled.get(name) === 1, `${name} is handled`);
      const before = handled.get("busy0");
      await until(() => handled.get("busy0") > before, "a long backlog goes on");
      isOver = true;
      await worker.stop();
      await tenants.close();
      // Two for working and two for receiving.
      assert.ok(most <= 4, `${most} files were open`);
    });

    it("tells of a damaged file and of a set-up that fails, tries them again, and goes on with the others", async () => {
      const lines = [];
      const error = (text, fields) => lines.push({ text, ...fields });
      const logger = { debug() {}, info() {}, warn() {}, error };
      let isRight = true;
      const setUp = (hooks, tenant) => {
        if (tenant === "wrong" && !isRight) throw new Error("no settings, of which one is s3cr3t");
        handling(hooks);
      };
      const place = folder();
      const made = opened({ place, setUp });
      for (const name of ["acme", "damaged", "wrong"]) {
        await made.tenants.create(name);
        await fill(made.tenants, name, 2);
      }
      await made.tenants.close();
      const damaged = join(place, "damaged.db");
      renameSync(damaged, join(place, "kept"));
      writeFileSync(damaged, "this is no database ".repeat(500));
      isRight = false;
      const { tenants } = opened({ place, setUp, logger });
      const worker = tenants.work();
      await orderedOnce(place, "acme", 2);
      const told = (name) => lines.find(({ record, tenant }) => record === "tenant_failed" && tenant === name);
      await until(() => told("damaged") && told("wrong"), "both are told");
      assert.deepEqual([told("damaged").code, told("damaged").path, told("wrong").code], ["corrupt", damaged, "internal"]);
      assert.doesNotMatch(JSON.stringify(lines), /s3cr3t/);
      isRight = true;
      renameSync(join(place, "kept"), damaged);
      await orderedOnce(place, "damaged", 2);
      await orderedOnce(place, "wrong", 2);
      await worker.stop();
      await tenants.close();
    });

    it("forgets a file that is removed, and works on a new one of its name", async () => {
      const { tenants, place, errors } = opened({ setUp: handling });
      const worker = tenants.work();
      for (const events of [1, 2]) {
        await tenants.create("acme");
        await fill(tenants, "acme", events);
        await orderedOnce(place, "acme", events);
        for (const name of readdirSync(place)) rmSync(join(place, name), { force: true });
        await until(() => tenants.openFiles === 0, "it is closed");
      }
      await worker.stop();
      await tenants.close();
      // Of hooks that are open while their file goes, as of any.
      assert.ok(
        errors.every(({ code }) => code === "file_replaced"),
        errors.join("\n"),
      );
    });

    for (const [what, isAtRest, receives] of [
      ["while it is worked on", () => true, false],
      ["while it is open for receiving", () => true, true],
      ["while it is closed", (tenants) => tenants.openFiles === 0, false],
    ]) {
      it(`goes on in a file that takes the place of another, ${what}`, async () => {
        const { tenants, place } = opened({ setUp: handling });
        for (const name of ["acme", "backup"]) {
          await tenants.create(name);
          await fill(tenants, name, name === "acme" ? 1 : 3);
        }
        await tenants.close();
        renameSync(join(place, "backup.db"), join(place, "backup"));
        let handled = 0;
        const counting = (hooks) => {
          handling(hooks);
          hooks.endpoint("inbox").on("*", () => void handled++);
        };
        const again = opened({ place, setUp: counting });
        const worker = again.tenants.work();
        // Nobody else opens the file meanwhile, who would take the log of the former one for its own.
        await until(() => handled === 1, "the former one is handled");
        if (receives) await again.tenants.hooks("acme", () => {});
        await until(() => isAtRest(again.tenants), what);
        renameSync(join(place, "backup"), join(place, "acme.db"));
        await until(() => handled === 4, "the new one is handled");
        await worker.stop();
        await again.tenants.close();
        await orderedOnce(place, "acme", 3);
      });
    }

    it("is one of several in a process, which end each for itself", async () => {
      const { tenants, place, errors } = opened({ setUp: handling });
      await tenants.create("acme");
      const [first, second] = [tenants.work(), tenants.work()];
      await fill(tenants, "acme", 50);
      await orderedOnce(place, "acme", 50);
      await first.stop();
      await fill(tenants, "acme", 60);
      await orderedOnce(place, "acme", 60);
      await second.stop();
      await tenants.close();
      assert.deepEqual(errors, []);
    });

    it("leaves those without handlers to others", async () => {
      let setUps = 0;
      const { tenants, place } = opened({
        maxOpen: 1,
        setUp: (hooks, tenant) => {
          setUps += 1;
          if (tenant === "acme") handling(hooks);
          else receiving(hooks);
        },
      });
      for (const name of ["acme", "other"]) await tenants.create(name);
      await fill(tenants, "other", 1);
      await fill(tenants, "acme", 1);
      const before = setUps;
      const worker = tenants.work();
      await orderedOnce(place, "acme", 1);
      await until(() => tenants.openFiles <= 1, "nothing is worked on");
      assert.ok(setUps - before <= 3, `set up ${setUps - before} times`);
      await worker.stop();
      await tenants.close();
    });

    it("runs the retention of files that nothing happens in", async () => {
      const now = runtime.testing.frozenClock();
      const { tenants, errors } = opened({ now });
      const ignored = async (hooks) => (await hooks.stats()).events.ignored;
      for (const name of names(3)) {
        await tenants.create(name);
        await fill(tenants, name, 1);
        await tenants.hooks(name, async (hooks) => {
          await hooks.ignore(1);
          await hooks.retention({ ignoredS: 3600 });
        });
      }
      internals(tenants).tourEvery(200);
      const worker = tenants.work();
      for (const name of names(3)) assert.equal(await tenants.hooks(name, ignored), 1);
      now.advanceMs(2 * 3600 * 1000);
      for (const name of names(3)) await until(async () => (await tenants.hooks(name, ignored)) === 0, `${name} is pruned`);
      await worker.stop();
      await tenants.close();
      assert.deepEqual(errors, []);
    });

    it("ends by its signal, by close, and inside a handler", async () => {
      const aborting = new AbortController();
      let [stopping, worker] = [undefined, undefined];
      const { tenants } = opened({
        setUp: (hooks) => {
          hooks.endpoint("inbox", {}).on("*", async () => {
            stopping = worker.stop();
            await stopping;
            await tenants.close();
          });
        },
      });
      await tenants.create("acme");
      worker = tenants.work({ signal: aborting.signal });
      aborting.abort();
      await worker.done;
      await fill(tenants, "acme", 1);
      worker = tenants.work();
      await worker.done;
      await tenants.close();
      assert.ok(stopping);
    });
  });
}
