import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { compare, onlyKeys } from "./matching.js";
import { operationsOf, playStep } from "./scenario.js";
import { BODY, scriptedApp } from "./scripted.js";
import { failure, file, until } from "./workplace.js";

const CASE_KEYS = ["name", "schema", "endpoint", "handlers", "apps", "hooks_fail", "only_shared", "steps"];
const STEP_KEYS = ["now", "app", "event", "run", "dies", "use_kept_tx", "op", "args", "expect", "expect_error"];
const RUN_KEYS = ["results", "errors", "dead", "log", "written", "events", "attempts", "ended_before"];
const SCHEMA = "CREATE TABLE written (text TEXT NOT NULL UNIQUE)";
const PROCESS = fileURLToPath(new URL("fixtures/scripted.js", import.meta.url));

/** A case of the worker: through drains with shared commits and without and through a running worker, with plain functions and with async ones. */
export async function playWorker(runtime, given) {
  onlyKeys(given, CASE_KEYS, "the case");
  for (const way of ["drain", "apart", "worker"]) {
    for (const awaits of [false, true]) {
      if (given.only_shared && (way !== "drain" || awaits)) continue;
      const story = storyOf(runtime, given, way, awaits);
      try {
        for (const [index, step] of given.steps.entries()) {
          await story.step(step, `${way} of ${awaits ? "async" : "plain"} functions, step ${index + 1}`);
        }
      } finally {
        await story.close();
      }
    }
  }
}

/** The apps of a case on one file, and an observer that looks at it between the steps. */
function storyOf(runtime, given, way, awaits) {
  const path = file();
  const clock = runtime.testing.frozenClock();
  const observer = runtime.open(path, { synchronous: "normal", now: clock });
  const operations = operationsOf(runtime, observer, clock);
  const database = runtime.openRaw(path);
  for (const sql of [SCHEMA, ...(given.schema ?? [])]) database.exec(sql);
  const { endpoint, handlers, apps: others = {} } = given;
  const scripts = { ...others, ...(handlers && { main: { ...(endpoint && { endpoint }), handlers } }) };
  const apps = new Map();

  function appOf(name) {
    if (!apps.has(name))
      apps.set(name, scriptedApp(runtime, path, clock, scripts[name], { hooksFail: given.hooks_fail, awaits, observer: database }));
    return apps.get(name);
  }

  async function step(one, at) {
    onlyKeys(one, STEP_KEYS, at);
    const { now, app: name = "main" } = one;
    if (now !== undefined) clock.set(now);
    if ("event" in one) await appOf(name).endpoint.ingest({ valid: true, ...(one.event !== null && { type: one.event }) }, BODY);
    else if (one.run) await run(appOf(name), one.run, at);
    else if (one.dies) await dies(name, at);
    else if (one.use_kept_tx) {
      const error = await failure(() => appOf(name).kept.exec(one.use_kept_tx));
      assert.equal(error.code, one.expect_error, `${at}: ${error}`);
    } else await playStep(runtime, operations, one, {}, at);
  }

  async function run(app, expected, at) {
    onlyKeys(expected, RUN_KEYS, at);
    const { results, errors = [], dead = [], log = [], written = [] } = expected;
    for (const told of [app.errors, app.dead, app.lines, app.endedBefore]) told.length = 0;
    if (way !== "worker") {
      const before = database.prepare("SELECT count(*) AS ended FROM knocker_attempts").get().ended;
      const { attempts } = await runtime.testing.drain(app.hooks, { shareCommits: way === "drain" });
      assert.deepEqual(
        attempts.map(({ status }) => status),
        results,
        `${at}: ${JSON.stringify(app.errors)}`,
      );
      if (expected.ended_before) {
        // Async functions share none, and neither does a drain that is told not to.
        const wanted = way === "drain" && !awaits ? expected.ended_before : results.map((_, index) => before + index);
        assert.deepEqual(app.endedBefore, wanted, `${at}: how many attempts had ended before each call`);
      }
    } else await work(app);
    compare(errors, app.errors, `${at}: errors`);
    compare(dead, app.dead, `${at}: dead`);
    checkLog(app, log, at);
    const rows = database.prepare("SELECT text FROM written ORDER BY rowid").all();
    assert.deepEqual(
      rows.map(({ text }) => text),
      written,
      `${at}: written`,
    );
    for (const view of ["events", "attempts"]) {
      if (expected[view]) compare(expected[view], await operations.select({ view }), `${at}: ${view}`);
    }
  }

  /** A worker at its work, until nothing is due; what it has claimed and not begun is given back when it stops. */
  async function work(app) {
    const isDue = async () => !app.closed && (await observer.leases("nobody").nextDueMs({ endpoints: [app.name] })) === 0;
    while (await isDue()) {
      const working = app.hooks.work();
      await until(async () => !(await isDue()), "the end of what is due");
      await working.stop();
    }
  }

  /** Each failed attempt is a warning, each dead event an error, and there is nothing else but what the case names. */
  function checkLog({ errors, dead, lines }, beside, at) {
    const loud = lines.filter(({ level }) => ["warning", "error"].includes(level));
    const left = [...loud];
    for (const [level, told] of [...errors.map((one) => ["warning", one]), ...dead.map((one) => ["error", one])]) {
      const found = left.findIndex((line) => line.level === level && (line.event_id ?? null) === told.event_id);
      assert.ok(found >= 0, `${at}: no ${level} of event ${told.event_id} in ${JSON.stringify(loud)}`);
      left.splice(found, 1);
    }
    assert.deepEqual(left.map(({ level }) => level).sort(), beside, `${at}: the log beside: ${JSON.stringify(left)}`);
    for (const line of lines) {
      assert.ok(!JSON.stringify(line).includes("never-to-be-logged"), at);
      assert.ok(!line.message.includes("\n"), `${at}: ${line.message}`);
    }
  }

  async function dies(name, at) {
    const said = { path, now: clock(), app: scripts[name], way, awaits };
    const env = { ...process.env, KNOCKER_TEST_OPENING: runtime.opening, KNOCKER_TEST_TESTING: runtime.testingModule };
    const child = spawn(process.execPath, [PROCESS, JSON.stringify(said)], { env, stdio: ["ignore", "ignore", "pipe"] });
    let words = "";
    child.stderr.on("data", (chunk) => (words += chunk));
    const [, signal] = await once(child, "exit");
    assert.equal(signal, "SIGKILL", `${at}: ${words}`);
  }

  async function close() {
    for (const { hooks } of apps.values()) await hooks.close();
    database.close();
    await observer.close();
  }

  return { step, close };
}
