import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { afterEach, beforeEach, describe, it } from "node:test";

import { readAnswer } from "../dist/core/rqlite/answers.js";
import { Address } from "../dist/core/rqlite/address.js";
import { Nodes } from "../dist/core/rqlite/nodes.js";
import { play } from "@knocker/core/suite/scenario.js";
import { collect, failure, until } from "@knocker/core/suite/workplace.js";
import { knocker } from "./opening.js";
import { control, emptied, losing, NOT_RUN, run, URL_OF_NODES } from "./rqlite-nodes.js";
import { runtime } from "./runtime.js";

const { drain, frozenClock, sign } = runtime.testing;
const ROOT = new URL("../../../../extension/conformance/", import.meta.url);
const SECRET = "test-secret";
/** A secret whose text stands nowhere else. */
const SELDOM = "whsec-seldom-8c3d5e7f21";
const PATIENCE_MS = 60_000;

const opened = [];

/** Hooks on the nodes, closed after the test. */
function open(options, address = URL_OF_NODES) {
  const hooks = runtime.open(address, { logger: false, busyTimeoutMs: PATIENCE_MS, ...options });
  opened.push(hooks);
  return hooks;
}

afterEach(() => Promise.all(opened.splice(0).map((hooks) => hooks.close())));

/** The n-th request that GitHub sends. */
const push = (n, secret = SECRET) =>
  sign("github", { n }, secret, {
    url: "https://example.com/",
    headers: { "x-github-event": "push", "x-github-delivery": `delivery-${n}` },
  });

const statuses = ({ attempts }) => attempts.map(({ status }) => status);

const eventStatuses = async (hooks) => (await collect(hooks.events())).map(({ status }) => status);

describe("rqlite: answers", () => {
  const { cases } = JSON.parse(readFileSync(new URL("rqlite/answers.json", ROOT), "utf8"));
  for (const { name, statements, status, answer, expect } of cases) {
    it(name, () => {
      const { meaning, results, why } = readAnswer(status, answer, statements);
      assert.equal(meaning, expect.meaning, why);
      if (expect.results !== undefined) {
        const plain = results.map(({ values }) =>
          values.map((row) =>
            row.map((value) => (value instanceof Uint8Array ? { $base64: Buffer.from(value).toString("base64") } : value)),
          ),
        );
        assert.deepEqual(plain, expect.results);
      }
      if (expect.code !== undefined) {
        const problem = new Nodes(new Address("rqlite://a")).problemOf({ meaning, results, why, isRepeat: false });
        assert.equal(problem.code, expect.code);
      }
    });
  }
  it("ran every one", () => assert.ok(cases.length >= 30, `only ${cases.length}`));
});

describe("rqlite: opening", () => {
  for (const [what, address, options] of [
    ["a path", "rqlite://a:4001/app.db"],
    ["a query", "rqlite://a:4001?level=none"],
    ["no node", "rqlite://"],
    ["an empty node", "rqlite://a,,b"],
    ["no user", "rqlite://:word-of-mouth@a"],
    ["a user that is not encoded", "rqlite://root:word-of-mouth%@a"],
    ["a replica", "rqlite://root:word-of-mouth@a", { replicated: "/run/litestream.sock" }],
    ["a setting of files", "rqlite://root:word-of-mouth@a", { synchronous: "normal" }],
  ]) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => runtime.open(address, options),
        (error) => error instanceof knocker.UsageError && !error.message.includes("word-of-mouth"),
      );
    });
  }

  it("says that no node is there, without the password", async () => {
    const server = createServer();
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    assert.throws(
      () => runtime.open(`rqlite://root:word-of-mouth@127.0.0.1:${port}`, { busyTimeoutMs: 0 }),
      (error) =>
        error instanceof knocker.ClusterUnavailableError &&
        error instanceof knocker.DatabaseError &&
        error.message.includes(String(port)) &&
        !error.message.includes("word-of-mouth"),
    );
  });
});

const onNodes = URL_OF_NODES === undefined ? { skip: NOT_RUN } : {};

describe("rqlite: the lifecycle on three nodes", onNodes, () => {
  const nodes = {
    ...runtime,
    open: (path, { synchronous, ...options }) => (path === ":memory:" ? runtime.open(path, options) : open(options)),
  };
  let ran = 0;
  for (const name of readdirSync(new URL("lifecycle/", ROOT))
    .filter((file) => file.endsWith(".json"))
    .sort()) {
    const content = JSON.parse(readFileSync(new URL(`lifecycle/${name}`, ROOT), "utf8"));
    for (const scenario of content.scenarios) {
      it(`${name}: ${scenario.name}`, async () => {
        await emptied();
        await play(nodes, scenario, content);
        const { rows, differing } = await control("/tables");
        assert.ok(rows > 0);
        assert.deepEqual(differing, []);
        ran += 1;
      });
    }
  }
  it("ran every one", () => assert.ok(ran >= 100, `only ${ran}`));
});

describe("rqlite: three nodes", onNodes, () => {
  beforeEach(emptied);

  it("commits a handler's writes with the verdict", async () => {
    await run("CREATE TABLE orders (id TEXT UNIQUE, body BLOB, at INTEGER)");
    const hooks = open();
    const inbox = hooks.endpoint("inbox", {});
    inbox.on("*", (event, tx) => {
      tx.prepare("INSERT INTO orders VALUES (?, ?, ?)").run(event.type, event.body, 9007199254740993n);
      if (event.type === "b") throw new Error("not now");
    });
    const ingest = (type) => inbox.ingest({ valid: true, type }, Buffer.from([255, 0]));
    await ingest("a");
    await ingest("b");
    assert.deepEqual(statuses(await drain(hooks)), ["handled", "failed"]);
    assert.deepEqual(await run("SELECT id || hex(body) || at FROM orders"), ["aFF009007199254740993"]);
    // The same id again: the constraint takes back the verdict too.
    await ingest("a");
    const again = await drain(hooks);
    assert.deepEqual(statuses(again), ["failed"]);
    assert.match(again.errors[0].error.message, /UNIQUE constraint failed/);
    assert.deepEqual(await eventStatuses(hooks), ["handled", "failed", "failed"]);
    assert.deepEqual(hooks.query("SELECT id, body FROM knocker_events ORDER BY id LIMIT 1"), [{ id: 1, body: new Uint8Array([255, 0]) }]);
  });

  it("refuses what tx cannot do", async () => {
    await run("CREATE TABLE written (text TEXT)");
    const hooks = open();
    const inbox = hooks.endpoint("inbox", {});
    let use;
    let kept;
    inbox.on("*", (_, tx) => {
      kept = tx;
      return use(tx);
    });
    for (const refused of [
      (tx) => tx.exec("SELECT 1"),
      (tx) => tx.exec("/* INSERT */ PRAGMA user_version = 1"),
      (tx) => tx.exec("COMMIT"),
      (tx) => tx.exec("CREATE TABLE more (text TEXT)"),
      (tx) => tx.exec("INSERT INTO written VALUES ('a;'); COMMIT"),
      (tx) => tx.exec("INSERT INTO written VALUES (random())"),
      (tx) => tx.prepare("INSERT INTO written VALUES (datetime(?))").run("now"),
      (tx) => tx.exec("INSERT INTO written VALUES (Current_Timestamp)"),
      (tx) => tx.exec("WITH t AS (SELECT unixepoch ( ) AS at) INSERT INTO written SELECT at FROM t"),
      (tx) => tx.exec("WITH t AS (SELECT 1) SELECT * FROM t"),
      (tx) => tx.prepare("SELECT 1").get(),
      (tx) => tx.prepare("INSERT INTO written VALUES ('a') RETURNING text").all(),
      (tx) => tx.prepare("INSERT INTO written VALUES (?)").run(" X'00' "),
      (tx) => tx.prepare("INSERT INTO written VALUES (:text)").run({ text: "a" }),
      (tx) => tx.prepare("INSERT INTO written VALUES (?)").run(undefined),
      (tx) => tx.prepare("INSERT INTO written VALUES (?)").run(NaN),
      (tx) => tx.prepare("INSERT INTO written VALUES ('a')").run().changes,
      (tx) => tx.close(),
    ]) {
      use = refused;
      await inbox.ingest({ valid: true }, "");
      const { attempts, errors } = await drain(hooks);
      assert.deepEqual(statuses({ attempts }), ["failed"], String(refused));
      assert.ok(errors[0].error instanceof knocker.UsageError, `${refused}: ${errors[0].error}`);
      if (String(refused).includes("CREATE")) assert.match(errors[0].error.message, /make tables beforehand, with \/db\/execute/);
    }
    // What asks for no time of its own is written.
    use = (tx) => tx.prepare("INSERT INTO written SELECT 'now; ' || date(?) -- random()\n;").run("2026-01-02 03:04:05");
    await inbox.ingest({ valid: true }, "");
    assert.deepEqual(statuses(await drain(hooks)), ["handled"]);
    assert.deepEqual(await run("SELECT * FROM written"), ["now; 2026-01-02"]);
    await run("DELETE FROM written");
    // rqlite would commit the one beside the other.
    use = (tx) => {
      tx.exec("INSERT INTO written VALUES ('a')");
      tx.exec("INSERT INTO nowhere VALUES ('a')");
    };
    await inbox.ingest({ valid: true }, "");
    const { errors } = await drain(hooks);
    assert.match(errors[0].error.message, /no such table: nowhere/);
    assert.deepEqual(await run("SELECT * FROM written"), []);
    assert.throws(() => kept.exec("INSERT INTO written VALUES ('a')"), knocker.ClosedError);
  });

  it("asks again for what was done and not answered", async () => {
    await run("CREATE TABLE orders (id INTEGER)");
    const way = await losing();
    const warned = [];
    const logger = { debug() {}, info() {}, warn: (fields) => warned.push(fields), error: (fields) => warned.push(fields) };
    const hooks = open({ logger }, way.address);
    try {
      const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
      let decide;
      endpoint.on("*", (event, tx) => {
        tx.prepare("INSERT INTO orders VALUES (?)").run(event.id);
        decide();
      });
      const throwing = (error) => () => {
        throw error;
      };
      for (const [n, [word, decision, status]] of [
        ["knocker_store", () => {}, "handled"],
        ["knocker_claim", () => {}, "handled"],
        ["knocker_handled", () => {}, "handled"],
        ["knocker_failed", throwing(new Error("not now")), "failed"],
        ["knocker_failed", throwing(new knocker.Dead("never")), "dead"],
        ["knocker_skipped", throwing(new knocker.Ignore("of no interest")), "ignored"],
      ].entries()) {
        decide = decision;
        await way.loses(word);
        const { outcome } = await endpoint.receive(push(n));
        // What is stored is stored once, and a duplicate for who sends it again.
        assert.equal(outcome, word === "knocker_store" ? "duplicate" : "accepted", word);
        assert.deepEqual(statuses(await drain(hooks)), [status], word);
        assert.equal(await way.lost(), n + 1, word);
      }
      assert.deepEqual(await run("SELECT id FROM orders ORDER BY id"), [1, 2, 3]);
      assert.ok(!JSON.stringify(warned).includes("lease_lost"), JSON.stringify(warned));
    } finally {
      await hooks.close();
      await way.close();
    }
  });

  it("shares the events among the workers of several processes", async () => {
    await run("CREATE TABLE orders (id INTEGER)");
    const receiving = open();
    const inbox = receiving.endpoint("inbox", {});
    const one = open();
    const other = open();
    for (const hooks of [one, other]) {
      hooks.endpoint("inbox").on("order", async (event, tx) => void tx.prepare("INSERT INTO orders VALUES (?)").run(event.id));
      hooks.work({ concurrency: 2, pollMs: 20 });
    }
    await Promise.all(Array.from({ length: 60 }, () => inbox.ingest({ valid: true, type: "order" }, "")));
    await until(async () => (await run("SELECT count(*) FROM knocker_events WHERE status = 'handled'"))[0] === 60);
    assert.deepEqual(await run("SELECT count(*) || ' ' || count(DISTINCT id) FROM orders"), ["60 60"]);
  });

  it("keeps the lease of a long handler, and tells of one that is lost", async () => {
    const told = [];
    const hooks = open({ onError: (error) => told.push(error.code) });
    const inbox = hooks.endpoint("inbox", {});
    let end;
    const began = new Promise((resolve) => {
      inbox.on("*", () => {
        resolve();
        return new Promise((settle) => (end = settle));
      });
    });
    const { eventId } = await inbox.ingest({ valid: true }, "");
    const worker = hooks.work({ leaseS: 1 });
    await began;
    const expiry = async () => (await run("SELECT lease_expires_at FROM knocker_jobs"))[0];
    const first = await expiry();
    await until(async () => (await expiry()) > first);
    await hooks.ignore(eventId, "an operator", { force: true });
    await until(() => told.includes("lease_lost"));
    end();
    await worker.stop();
    assert.deepEqual(await eventStatuses(hooks), ["ignored"]);
  });

  it("tells of an attempt whose worker died, once", async () => {
    const told = [];
    const clock = frozenClock();
    const hooks = open({ now: clock, onError: (error) => told.push(error.code) });
    const inbox = hooks.endpoint("inbox", {});
    inbox.on("*", () => {});
    await inbox.ingest({ valid: true }, "");
    assert.equal(await hooks.leases("dead").claim(1, 60), 1);
    clock.advanceMs(3_600_000);
    assert.deepEqual(statuses(await drain(hooks)), ["handled"]);
    assert.deepEqual(told, ["lease_lost"]);
  });

  it("judges by settings that another process has changed", async () => {
    const hooks = open();
    const other = open();
    const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
    assert.equal((await endpoint.receive(push(1))).outcome, "accepted");
    await other.updateEndpoint("github", { enabled: false });
    assert.equal((await endpoint.receive(push(2))).outcome, "disabled");
    const [known] = await collect(other.storedEndpoints());
    assert.equal(known.enabled, false);
  });

  it("may be closed inside a handler, which comes to its end", async () => {
    await run("CREATE TABLE orders (id INTEGER)");
    const hooks = open();
    const inbox = hooks.endpoint("inbox", {});
    inbox.on("*", async (event, tx) => {
      await hooks.close();
      tx.exec("INSERT INTO orders VALUES (1)");
    });
    await inbox.ingest({ valid: true }, "");
    await hooks.work().done;
    await hooks.close();
    assert.deepEqual(await run("SELECT status FROM knocker_events"), ["handled"]);
    assert.deepEqual(await run("SELECT id FROM orders"), [1]);
    await assert.rejects(inbox.ingest({ valid: true }, ""), knocker.ClosedError);
  });

  it("refuses what a file alone can do", async () => {
    const hooks = open();
    const inbox = hooks.endpoint("inbox", { provider: "github", secrets: [SECRET] });
    assert.throws(() => inbox.receiveSync(push(1)), knocker.UsageError);
    assert.ok((await failure(() => runtime.testing.onFile(hooks, ":memory:"))) instanceof knocker.UsageError);
    assert.throws(() => hooks.endpoint("nowhere"), knocker.UnknownEndpointError);
  });

  it("answers 503 to a receipt whose answer never comes back, and its retry is a duplicate", async () => {
    const way = await losing();
    try {
      const hooks = open({ busyTimeoutMs: 1000 }, way.address);
      const endpoint = hooks.endpoint("github", { provider: "github", secrets: [SECRET] });
      const { url, headers, body } = push(1);
      const serve = () => endpoint.fetch(new Request(url, { method: "POST", headers, body }));
      await way.loses("knocker_store", true);
      const answer = await serve();
      assert.equal(answer.status, 503);
      assert.ok(answer.headers.has("retry-after"));
      assert.ok((await way.lost()) >= 2);
      await way.loses(undefined);
      assert.equal((await serve()).status, 200);
      assert.deepEqual(await run("SELECT count(*) FROM knocker_events"), [1]);
      assert.deepEqual(await run("SELECT DISTINCT outcome FROM knocker_deliveries ORDER BY outcome"), ["accepted", "duplicate"]);
    } finally {
      await Promise.all(opened.splice(0).map((hooks) => hooks.close()));
      await way.close();
    }
  });

  for (const [what, path] of [
    ["killed", "/kill-leader"],
    // It answers nothing, and believes itself the leader when it goes on.
    ["paused", "/pause-leader"],
  ])
    it(`loses nothing where the leader is ${what} twice`, async (test) => {
      const [receives, callers] = [2000, 8];
      await run("CREATE TABLE orders (id INTEGER)");
      const receiving = open();
      const working = open();
      const endpoint = receiving.endpoint("github", { provider: "github", secrets: [SELDOM] });
      working.endpoint("github").on("*", (event, tx) => void tx.prepare("INSERT INTO orders VALUES (?)").run(event.id));
      const worker = working.work({ concurrency: 2, pollMs: 50 });
      const requests = Array.from({ length: receives }, (_, n) => push(n, SELDOM));
      let [next, acknowledged, slowestMs] = [0, 0, 0];
      const began = performance.now();
      const caller = async () => {
        while (next < receives) {
          const request = requests[next++];
          const since = performance.now();
          const { outcome } = await endpoint.receive(request);
          assert.ok(["accepted", "duplicate"].includes(outcome), outcome);
          acknowledged += 1;
          slowestMs = Math.max(slowestMs, performance.now() - since);
        }
      };
      const calling = Promise.all(Array.from({ length: callers }, caller));
      const killing = (async () => {
        for (const at of [receives / 4, receives / 2]) {
          await until(() => acknowledged >= at);
          await control(path, "POST");
          // Two of three go on; the third is back before the next one is killed.
          await until(() => acknowledged >= at + receives / 10);
          await control("/restart", "POST");
        }
      })();
      await Promise.all([calling.then(() => (slowestMs = Math.round(slowestMs))), killing]);
      const tookS = (performance.now() - began) / 1000;
      assert.deepEqual(await run("SELECT count(*) FROM knocker_events"), [receives]);
      await until(async () => (await run("SELECT count(*) FROM knocker_events WHERE status <> 'handled'"))[0] === 0);
      await worker.stop();
      assert.deepEqual(await run("SELECT count(*) || ' ' || count(DISTINCT id) FROM orders"), [`${receives} ${receives}`]);
      const { nodes, tables, rows, differing } = await control("/tables");
      assert.equal(nodes, 3);
      assert.ok(tables.length >= 15 && rows > 2 * receives, `${rows} rows in ${tables.length} tables`);
      assert.deepEqual(differing, []);
      assert.ok((await control("/grep?text=delivery-1999")).found.length > 0, "not even a key is in the files");
      assert.deepEqual((await control(`/grep?text=${SELDOM}`)).found, []);
      test.diagnostic(
        `${receives} receives by ${callers} callers in ${tookS.toFixed(1)} s, the slowest ${(slowestMs / 1000).toFixed(1)} s; ${rows} rows in ${tables.length} tables, equal on ${nodes} nodes`,
      );
    });

  // Figures for the documentation: receipts a second, and requests a second that insert by hand what a receipt is.
  it("tells how many it receives", async (test) => {
    await run(
      "CREATE TABLE requests (id INTEGER PRIMARY KEY, received_at INTEGER, method TEXT, url TEXT, headers TEXT, body BLOB)",
      "CREATE TABLE events (id INTEGER PRIMARY KEY, endpoint TEXT, key TEXT, type TEXT, status TEXT, received_at INTEGER, UNIQUE (endpoint, key))",
      "CREATE TABLE jobs (id INTEGER PRIMARY KEY, queue TEXT, payload TEXT, state TEXT, run_at INTEGER)",
      "CREATE INDEX due ON jobs (queue, state, run_at)",
    );
    const hooks = open();
    const inbox = hooks.endpoint("inbox", {});
    let number = 0;
    const headers = { "content-type": "application/json", "user-agent": "a sender of webhooks/1.0", "x-request-id": "0123456789" };
    const body = "x".repeat(500);
    const receiving = () =>
      inbox.ingest({ valid: true, type: "order.paid", key: `key-${number++}`, method: "POST", url: "/webhooks", headers }, body);
    const inserting = (receipts) => () => {
      const statements = [];
      for (let index = 0; index < receipts; index++) {
        const now = Date.now();
        const hex = `x'${Buffer.from(body).toString("hex")}'`;
        statements.push(
          [
            "INSERT INTO requests (received_at, method, url, headers, body) VALUES (?, ?, ?, ?, ?)",
            now,
            "POST",
            "/webhooks",
            JSON.stringify(headers),
            hex,
          ],
          [
            "INSERT INTO events (endpoint, key, type, status, received_at) VALUES (?, ?, ?, ?, ?)",
            "inbox",
            `key-${number++}`,
            "order.paid",
            "received",
            now,
          ],
          ["INSERT INTO jobs (queue, payload, state, run_at) VALUES (?, ?, ?, ?)", "inbox", '{"event_id":1234}', "pending", now],
        );
      }
      return run(...statements);
    };
    const lastsS = async (callers, times, act) => {
      const began = performance.now();
      const caller = async () => {
        for (let left = times; left > 0; left--) await act();
      };
      await Promise.all(Array.from({ length: callers }, caller));
      return (performance.now() - began) / 1000;
    };
    const [single, groups, group] = [300, 100, 32];
    let [alone, plain, together, plainTogether] = [0, 0, 0, 0];
    // In turn, so that what else the machine does meets both.
    for (let round = 0; round < 5; round++) {
      plain += await lastsS(1, single / 5, inserting(1));
      alone += await lastsS(1, single / 5, receiving);
      plainTogether += await lastsS(1, groups / 5, inserting(group));
      together += await lastsS(group, groups / 5, receiving);
    }
    const a = (count, seconds) => (count / seconds).toFixed(0);
    const all = groups * group;
    test.diagnostic(`alone: ${a(single, alone)} receipts a second, ${a(single, plain)} times three inserts: ${(plain / alone).toFixed(2)}`);
    test.diagnostic(
      `${group} callers: ${a(all, together)} receipts a second, ${a(all, plainTogether)} times three inserts: ${(plainTogether / together).toFixed(2)}`,
    );
  });
});
