// An app whose handlers follow a script of the conformance data, and what its hooks and its log are told.
import assert from "node:assert/strict";

import { onlyKeys } from "./matching.js";
import { operationsOf, resolve } from "./scenario.js";
import { failure } from "./workplace.js";

/** Of every event; no line of the log holds it. */
export const BODY = '{"customer": "never-to-be-logged"}';

const HOSTILE = { lone_surrogate: "before \udcff after", nul: "before \0 after", megabyte: "é".repeat(500_000) };

class NoText extends Error {
  get message() {
    throw new TypeError("no text");
  }
}

/**
 * Hooks on a file, with one endpoint, its scripted handlers, and the account of what was told.
 * @param clock a frozen one.
 * @param observer a connection that looks at the file, if any.
 * @param awaits whether the handlers are async functions, that let others run before they begin.
 */
export function scriptedApp(runtime, path, clock, given, { hooksFail = false, awaits = false, observer } = {}) {
  onlyKeys(given, ["name", "endpoint", "handlers"], "the app");
  const { knocker } = runtime;
  const app = { name: given.name ?? "inbox", observer, errors: [], dead: [], lines: [], endedBefore: [], closed: false, kept: undefined };
  const hooks = runtime.open(path, { synchronous: "normal", now: clock, logger: recorder(app.lines), onError, onDead });
  const operations = operationsOf(runtime, hooks, clock);
  const calls = new Map();
  const reading = [];

  function onError(error, event) {
    const { id: event_id = null, endpoint = null, type = null, attempt = null } = event ?? {};
    const code = error instanceof knocker.KnockerError ? error.code : null;
    app.errors.push({ event_id, endpoint, type, attempt, code, says: error instanceof NoText ? "" : String(error?.message ?? error) });
    if (hooksFail) throw new Error("the error hook failed");
  }

  function onDead({ id: event_id, endpoint, type }, reason) {
    app.dead.push({ event_id, endpoint, type, reason });
    if (hooksFail) throw new Error("the dead hook failed");
  }

  const actions = {
    write: (text, event, tx) => void tx.prepare("INSERT INTO written VALUES (?)").run(ofEvent(event, text)),
    sql: (sql, event, tx) => void tx.exec(ofEvent(event, sql)),
    write_elsewhere(text, event) {
      const elsewhere = runtime.openRaw(path);
      try {
        elsewhere.exec("PRAGMA busy_timeout = 0");
        elsewhere.prepare("INSERT INTO written VALUES (?)").run(ofEvent(event, text));
      } finally {
        elsewhere.close();
      }
    },
    begin_reading(sql, _, tx) {
      const rows = tx.prepare(sql).iterate();
      rows.next();
      // Kept, so that nothing ends it by itself.
      reading.push(rows);
    },
    keep_tx: (_, __, tx) => void (app.kept = tx),
    raise(text) {
      throw text?.hostile === "no_text" ? new NoText() : new Error(textOf(text));
    },
    raise_knocker(code) {
      const errors = { lease_lost: knocker.LeaseLostError, busy: knocker.BusyError, closed: knocker.ClosedError };
      throw new errors[code]("met elsewhere");
    },
    raise_no_error() {
      throw "no error";
    },
    retry({ after_s: after, reason }) {
      throw new knocker.Retry({ after, reason: textOf(reason) });
    },
    ignore(reason) {
      throw new knocker.Ignore(textOf(reason));
    },
    dead(reason) {
      throw new knocker.Dead(textOf(reason));
    },
    advance_s: (seconds) => clock.advanceMs(seconds * 1000),
    operate: async ({ op, args }, event) => void (await operations[op](resolve(args, { event: event.id }))),
    on_event(script, event, tx) {
      onlyKeys(script, ["id", "do"], "on_event");
      return event.id === script.id ? run(script.do, event, tx) : undefined;
    },
    try: (script, event, tx) => {
      const check = (error) => assert.ok(script.code === undefined || error.code === script.code, `${error}`);
      let done;
      try {
        done = run(script.do, event, tx);
      } catch (error) {
        return check(error);
      }
      // What is to be awaited fails later.
      return failure(async () => done).then(check);
    },
    close: () => {
      app.closed = true;
      return hooks.close();
    },
    die: () => process.kill(process.pid, "SIGKILL"),
  };

  /** As a plain function where nothing is to be awaited. */
  function run([action, ...rest], event, tx) {
    if (action === undefined) return;
    const [[name, what]] = Object.entries(action);
    assert.ok(actions[name], `the scripts know no ${name}`);
    const done = actions[name](what, event, tx);
    return done instanceof Promise ? done.then(() => run(rest, event, tx)) : run(rest, event, tx);
  }

  const endpoint = hooks.endpoint(app.name, settingsOf(given.endpoint ?? {}));
  for (const [number, handler] of given.handlers.entries()) {
    onlyKeys(handler, ["on", "do", "then"], "the handler");
    const call = (event, tx) => {
      const key = `${number} ${event.id}`;
      calls.set(key, (calls.get(key) ?? 0) + 1);
      app.endedBefore.push(attemptsEnded(app.observer));
      return run(calls.get(key) === 1 ? handler.do : (handler.then ?? handler.do), event, tx);
    };
    endpoint.on(handler.on, awaits ? async (event, tx) => void (await null, await call(event, tx)) : call);
  }
  return Object.assign(app, { hooks, endpoint });
}

function settingsOf({ max_attempts: maxAttempts, unhandled, ...others }) {
  onlyKeys(others, [], "the settings");
  return { ...(maxAttempts !== undefined && { maxAttempts }), ...(unhandled !== undefined && { unhandled }) };
}

function ofEvent(event, text) {
  return text.replaceAll("$event", String(event.id));
}

/** How many attempts have ended, as another connection sees it. */
function attemptsEnded(observer) {
  return observer?.prepare("SELECT count(*) AS ended FROM knocker_attempts").get().ended ?? 0;
}

function textOf(given) {
  return typeof given === "string" ? given : given ? HOSTILE[given.hostile] : undefined;
}

/** A logger that keeps its lines. */
function recorder(lines) {
  const write = (level) => (message, fields) => void lines.push({ level, message, ...fields });
  return { debug: write("debug"), info: write("info"), warn: write("warning"), error: write("error") };
}
