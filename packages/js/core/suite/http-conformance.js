import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";

import { writeCount } from "./counts.js";
import { compare, onlyKeys } from "./matching.js";
import { play } from "./raw-http.js";
import { file, PATIENCE_MS, until } from "./workplace.js";

const FOLDER = new URL("../../../../extension/conformance/http/", import.meta.url);
const CASE_KEYS = ["name", "endpoints", "app", "database", "reads_body", "steps", "stored", "reported", "otherwise"];
const DATABASES = [undefined, "locked", "full", "newer", "removed", "closed"];
const FENCE = {
  send: ["POST /webhooks/fence HTTP/1.1", "Host: fence", "X-Webhook-Token: test-token", "Content-Length: 2", "Connection: close", "", "{}"],
};
const TOKEN = { provider: "token", secrets: ["test-token"] };

/** The HTTP cases of the conformance data, as bytes over sockets to real servers: `serve(hooks, reads)` starts one. */
export default function httpConformance(runtime, servers) {
  const { describe, it } = runtime;
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  const cases = files.sort().flatMap((name) => {
    const { endpoints, cases } = JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
    return cases.map((one) => ({ ...one, title: `http/${name}: ${one.name}`, endpoints: { ...endpoints, ...one.endpoints } }));
  });
  const ran = Object.fromEntries(Object.keys(servers).map((name) => [name, 0]));

  for (const [name, serve] of Object.entries(servers)) {
    describe(`conformance: ${name}`, () => {
      for (const group of stages(cases)) {
        it(`${group[0].title}${group.length === 1 ? "" : ` and ${group.length - 1} more`}`, async () => {
          const stage = await Stage.set(runtime, serve, group[0]);
          const problems = [];
          for (const one of group) {
            await stage.run(one).then(
              () => (ran[name] += 1),
              (error) => problems.push(`${one.title}: ${error.message}`),
            );
          }
          await stage.close();
          assert.deepEqual(problems, []);
        });
      }
    });
  }

  it("ran every one of http on each server", () => {
    assert.ok(cases.length > 0, "http holds no data");
    assert.deepEqual(ran, Object.fromEntries(Object.keys(servers).map((name) => [name, cases.length])));
    writeCount(runtime, "http", cases.length);
    console.log(`conformance: ${cases.length} cases of http ran on ${runtime.label} under ${Object.keys(servers).join(", ")}`);
  });
}

/** Cases one after the other that share their app. */
function stages(cases) {
  const groups = [];
  let last;
  for (const one of cases) {
    const kind = JSON.stringify([one.endpoints, one.app, one.title.split(":")[0]]);
    if (kind === last && one.database === undefined) groups.at(-1).push(one);
    else groups.push([one]);
    last = one.database === undefined ? kind : undefined;
  }
  return groups;
}

/** An app behind a server. */
class Stage {
  #seen = 0;
  #reported = new Set();
  /** Whether something in front reads the bodies of this moment. */
  #reads = { body: false };

  static async set(runtime, serve, one) {
    const stage = new Stage();
    stage.runtime = runtime;
    stage.path = file();
    stage.database = one.database;
    assert.ok(DATABASES.includes(one.database), one.database);
    onlyKeys(one.app ?? {}, ["public_url", "trust_proxy"], "app");
    stage.hooks = runtime.open(stage.path, {
      synchronous: "normal",
      busyTimeoutMs: one.database === "locked" ? 50 : PATIENCE_MS,
      logger: false,
      onError: (error) => stage.#reported.add(error instanceof runtime.knocker.KnockerError ? error.code : "internal"),
      ...(one.app?.public_url && { publicUrl: one.app.public_url }),
      ...(one.app?.trust_proxy && { trustProxy: true }),
    });
    for (const [name, { secrets, max_body_bytes: maxBodyBytes, ...settings }] of Object.entries({ ...one.endpoints, fence: TOKEN })) {
      stage.hooks.endpoint(name, {
        ...settings,
        ...(maxBodyBytes && { maxBodyBytes }),
        ...(secrets && { secrets: secrets === "raises" ? fail : secrets }),
      });
    }
    stage.server = await serve(stage.hooks, stage.#reads);
    await play(stage.server.port, [FENCE, { answer: { status: 200 } }]);
    stage.#rows(stage.hooks);
    stage.files = openFiles();
    await stage.#break();
    return stage;
  }

  async #break() {
    if (this.database === "locked") {
      this.other = this.runtime.openRaw(this.path);
      this.other.exec("BEGIN IMMEDIATE");
    } else if (this.database === "full") {
      const { page_count: pages } = this.hooks.query("PRAGMA page_count")[0];
      this.hooks.query(`PRAGMA max_page_count = ${pages + 8}`);
    } else if (this.database === "newer") {
      this.#version("version + 4711");
    } else if (this.database === "removed") {
      rmSync(this.path);
    } else if (this.database === "closed") {
      await this.hooks.close();
    }
  }

  #version(version) {
    const other = this.runtime.openRaw(this.path);
    other.exec(`UPDATE _knocker_schema SET version = ${version} WHERE version = (SELECT max(version) FROM _knocker_schema)`);
    other.close();
  }

  async run(one) {
    onlyKeys(one, [...CASE_KEYS, "title"], "the case");
    this.#reported.clear();
    this.#reads.body = one.reads_body ?? false;
    let other, stored;
    try {
      other = await play(this.server.port, one.steps);
      if (this.database === undefined) await play(this.server.port, [FENCE, { answer: { status: 200 } }]);
    } finally {
      stored = await this.#stored();
    }
    const expected = other === undefined ? one : (one.otherwise?.[other] ?? { stored: [] });
    compare(expected.stored, stored, "stored");
    assert.deepEqual([...this.#reported].sort(), (expected.reported ?? []).toSorted(), "reported");
  }

  /** What was stored since the last time. */
  async #stored() {
    this.other?.exec("ROLLBACK");
    this.other?.close();
    if (this.database === "newer") this.#version("version - 4711");
    if (this.database === "removed") return [];
    if (this.database !== "closed") return this.#rows(this.hooks);
    const hooks = this.runtime.open(this.path, { logger: false });
    const rows = this.#rows(hooks);
    await hooks.close();
    return rows;
  }

  #rows(hooks) {
    const columns = "id, endpoint, outcome, reason, method, url, headers, body_size, body";
    const rows = hooks.query(`SELECT ${columns} FROM knocker_deliveries WHERE id > ? ORDER BY id`, this.#seen);
    this.#seen = rows.at(-1)?.id ?? this.#seen;
    return rows
      .filter(({ endpoint }) => endpoint !== "fence")
      .map((row) => ({ ...row, headers: joined(row.headers), body: text(row.body) }));
  }

  /** Nothing more is open than after the first request. */
  async close() {
    if (this.database === undefined) await until(() => openFiles() <= this.files, "the files of the server to be closed");
    await this.server.close();
    await this.hooks.close();
  }
}

function openFiles() {
  return existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0;
}

function joined(headers) {
  const values = Object.entries(JSON.parse(headers)).map(([name, value]) => [name, [value].flat().join(",").replace(/, */g, ", ")]);
  return Object.fromEntries(values);
}

function text(body) {
  if (body === null) return null;
  const bytes = Buffer.from(body);
  return Buffer.from(bytes.toString()).equals(bytes) ? bytes.toString() : { $base64: bytes.toString("base64") };
}

function fail() {
  throw new Error("vault.internal: the secret of a tenant");
}
