import assert from "node:assert/strict";

import { github, internals, push, SECRET, statementsOf } from "./workplace.js";

/** What is done of a receive before the transaction, and in which order. */
export default function judging(runtime) {
  const { describe, it, openRaw } = runtime;

  /** The statements of receives by what they are. */
  const kinds = (statements) =>
    statements
      .map((sql) => /^(BEGIN|COMMIT|ROLLBACK)|knocker_(judge|attest|store)/.exec(sql))
      .filter(Boolean)
      .map(([, word, name]) => word ?? name);
  /** How many receipts each transaction stored. */
  const groups = (statements) =>
    kinds(statements)
      .join(" ")
      .split("BEGIN")
      .slice(1)
      .map((group) => group.match(/store/g)?.length ?? 0);

  describe("judging", () => {
    it("is over before the transaction begins, also for trusted ingress", async () => {
      const { hooks, endpoint } = github(runtime);
      const statements = statementsOf(hooks);
      await Promise.all([
        endpoint.receive(push(runtime)),
        endpoint.receive(push(runtime, { secret: "wrong" })),
        endpoint.ingest({ valid: true }, "{}"),
      ]);
      assert.deepEqual(kinds(statements), ["judge", "judge", "attest", "BEGIN", "store", "store", "store", "COMMIT"]);
      await hooks.close();
    });

    it("and storing are one call where nobody else has a request: its lock is as short", async () => {
      const { hooks, endpoint } = github(runtime);
      const statements = statementsOf(hooks);
      await endpoint.receive(push(runtime));
      await endpoint.ingest({ valid: true }, "{}");
      assert.deepEqual(
        statements.map((sql) => /knocker_\w+|BEGIN/.exec(sql)[0]),
        ["knocker_receive", "knocker_ingest"],
      );
      await hooks.close();
    });

    it("is done once, however long the lock is held elsewhere", async () => {
      const { hooks, endpoint, path } = github(runtime);
      const statements = statementsOf(hooks);
      const other = openRaw(path);
      other.exec("BEGIN IMMEDIATE");
      const receipts = Promise.all([endpoint.receive(push(runtime)), endpoint.receive(push(runtime))]);
      for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual([...new Set(kinds(statements))], ["judge", "BEGIN"]);
      other.exec("COMMIT");
      assert.equal((await receipts)[1].outcome, "accepted");
      assert.equal(kinds(statements).filter((kind) => kind === "judge").length, 2);
      other.close();
      await hooks.close();
    });

    it("is done again where another process has changed the endpoint meanwhile", async () => {
      const { hooks, endpoint, path } = github(runtime);
      const other = runtime.open(path);
      const { connection } = internals(hooks).inbox;
      const get = connection.get.bind(connection);
      let changes = 2;
      const judged = [];
      connection.get = (sql, ...parameters) => {
        if (sql.includes("knocker_judge")) judged.push(sql);
        if (sql.startsWith("BEGIN") && changes-- > 0) {
          other.endpoint("github", { provider: "github", secrets: [SECRET], maxBodyBytes: 10_000 + changes });
        }
        return get(sql, ...parameters);
      };
      const receipts = await Promise.all([endpoint.receive(push(runtime)), endpoint.receive(push(runtime))]);
      assert.deepEqual(
        receipts.map(({ outcome }) => outcome),
        ["accepted", "accepted"],
      );
      // Three times both where they share each try; on a busy machine the first may have begun alone.
      assert.ok(judged.length >= 4 && judged.length <= 6, `${judged.length} judgements`);
      await other.close();
      await hooks.close();
    });

    it("is given up after four times: an error that is worth another try", async () => {
      const { hooks, endpoint, path, errors } = github(runtime);
      const other = runtime.open(path);
      const { connection } = internals(hooks).inbox;
      const get = connection.get.bind(connection);
      let changes = 0;
      let judgements = 0;
      connection.get = (sql, ...parameters) => {
        if (sql.includes("knocker_judge")) judgements++;
        if (sql.startsWith("BEGIN")) other.endpoint("github", { provider: "github", secrets: SECRET, maxBodyBytes: 10_000 + ++changes });
        return get(sql, ...parameters);
      };
      const send = () => {
        const { headers, body } = push(runtime);
        return endpoint.fetch(new Request("http://app.test/github", { method: "POST", headers, body }));
      };
      const [one, another] = await Promise.all([send(), send()]);
      // Four for each of them, whether they share their tries or one has begun alone.
      assert.deepEqual([one.status, another.status, judgements], [503, 503, 8]);
      assert.equal(errors[0].error.code, "stale_judgement");
      await other.close();
      await hooks.close();
    });

    it("of a heavy request lets the others go first, and its commit holds nobody up", async () => {
      const { hooks, endpoint } = github(runtime, {}, { maxBodyBytes: 10_000_000 });
      const order = [];
      const receive = async (name, body) => {
        const { outcome } = await endpoint.receive(push(runtime, { body }));
        order.push([name, outcome]);
      };
      const statements = statementsOf(hooks);
      await Promise.all([
        receive("heavy", Buffer.alloc(1_000_000)),
        receive("heavy", Buffer.alloc(500_000)),
        receive("light", "{}"),
        receive("light", "{}"),
      ]);
      assert.deepEqual(
        order.map(([name]) => name),
        ["light", "light", "heavy", "heavy"],
      );
      assert.ok(order.every(([, outcome]) => outcome === "accepted"));
      const [first, ...others] = groups(statements);
      assert.equal(first, 2);
      // In one commit or two: that is a question of how long each took to judge.
      assert.equal(
        others.reduce((sum, size) => sum + size),
        2,
      );
      await hooks.close();
    });
  });

  describe("a group", () => {
    it("takes at most 128 calls", async () => {
      const { hooks, endpoint } = github(runtime);
      const statements = statementsOf(hooks);
      await Promise.all(Array.from({ length: 300 }, () => endpoint.receive(push(runtime))));
      const sizes = groups(statements);
      assert.ok(
        sizes.every((size) => size <= 128),
        String(sizes),
      );
      assert.equal(
        sizes.reduce((sum, size) => sum + size),
        300,
      );
      await hooks.close();
    });

    it("takes at most 8 MiB, however many calls wait; a single larger one goes alone", async () => {
      const { hooks } = github(runtime);
      const inbound = hooks.endpoint("inbound", { maxBodyBytes: 20_000_000 });
      const sizes = [];
      const { inbox } = internals(hooks);
      const whenWritable = inbox.whenWritable.bind(inbox);
      inbox.whenWritable = (limitMs, work, size) => (sizes.push(size), whenWritable(limitMs, work, size));
      const call = (bytes) => hooks.call("knocker_ingest", "inbound", '{"valid": true}', new Uint8Array(bytes));
      await Promise.all([
        ...Array.from({ length: 30 }, () => call(1_000_000)),
        call(12_000_000),
        call(1000),
        inbound.ingest({ valid: true }, "{}"),
      ]);
      assert.equal(
        sizes.reduce((sum, { calls }) => sum + calls, 0),
        33,
      );
      for (const { calls, bytes } of sizes) assert.ok(bytes <= 8 * 1024 * 1024 || calls === 1, `${calls} calls, ${bytes} bytes`);
      await hooks.close();
    });
  });
}
