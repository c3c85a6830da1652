import assert from "node:assert/strict";
import { Writable } from "node:stream";

import pino from "pino";
import winston from "winston";

import { failure, file, github, PATIENCE_MS, push, SECRET, until } from "./workplace.js";

/** A logger that keeps its lines. */
function recorder() {
  const lines = [];
  const write =
    (level) =>
    (message, fields = {}) =>
      void lines.push({ level, message, ...fields });
  const logger = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  return { logger, lines, loud: () => lines.filter(({ level }) => level === "warn" || level === "error") };
}

/** Nothing fails silently: the log, and the functions that the application gives. */
export default function telling(runtime) {
  const { describe, it, knocker, testing } = runtime;

  /** What each attempt of a worker or a drain is told of. */
  function told(options, endpointOptions) {
    const clock = testing.frozenClock();
    const { logger, lines, loud } = recorder();
    const [errors, dead] = [[], []];
    const onError = (error, event) => void errors.push([error.message, event?.id, event?.attempt]);
    const onDead = (event, reason) => void dead.push([event.id, event.attempt, reason]);
    const made = github(runtime, { now: clock, logger, onError, onDead, ...options }, endpointOptions);
    const receive = (type, id) => made.endpoint.receive(push(runtime, { type, ...(id && { id }), now: clock() }));
    return { ...made, clock, lines, loud, errors, dead, receive };
  }

  async function worked({ hooks, dead }, count) {
    const worker = hooks.work();
    await until(() => dead.length === count, "dead events");
    await worker.stop();
  }

  describe("a handler of a type that never comes", () => {
    it("is a warning with the nearest type, where every type of the provider is known", () => {
      const { logger, loud } = recorder();
      const { hooks, endpoint } = github(runtime, { logger });
      for (const pattern of ["push", "*", "pull_request"]) endpoint.on(pattern, () => {});
      assert.deepEqual(loud(), []);
      for (const pattern of ["pull_request.opened", "Issues", "issue.*"]) endpoint.on(pattern, () => {});
      const told = loud().map(({ level, message, type }) => [level, message.split("; ").at(-1), type]);
      assert.deepEqual(told, [
        ["warn", 'did you mean "pull_request"?', "pull_request.opened"],
        ["warn", 'did you mean "issues"?', "Issues"],
        ["warn", 'did you mean "issues"?', "issue.*"],
      ]);
      hooks.endpoint("own", { provider: "hmac", secrets: [SECRET] }).on("my.own", () => {});
      assert.equal(loud().length, 3);
      hooks.endpoint("files", { provider: "dropbox", secrets: [SECRET] }).on("file", () => {});
      assert.match(loud()[3].message, /on\("\*"/);
    });
  });

  describe("a worker tells", () => {
    it("of each failed attempt and each dead event, once, with their facts", async () => {
      const made = told({}, { maxAttempts: 1 });
      const { hooks, endpoint, loud, errors, dead, receive } = made;
      endpoint
        .on("create", () => {
          throw new TypeError("no such order");
        })
        .on("fork", () => {
          throw new knocker.Retry({ reason: "not paid yet" });
        })
        .on("delete", () => {
          throw new knocker.Dead("hopeless");
        })
        .on("star", () => {
          throw new knocker.Ignore("only a ping");
        });
      for (const type of ["create", "fork", "delete", "star"]) await receive(type);
      await worked(made, 3);
      assert.deepEqual(errors, [
        ["no such order", 1, 1],
        ["not paid yet", 2, 1],
        ["hopeless", 3, 1],
      ]);
      assert.deepEqual(
        dead.map(([id, attempt]) => [id, attempt]),
        [
          [1, 1],
          [2, 1],
          [3, 1],
        ],
      );
      assert.match(dead[0][2], /no such order/);
      assert.deepEqual(
        loud().map(({ level, event_id, endpoint, type, attempt }) => [level, event_id, endpoint, type, attempt]),
        [
          ["warn", 1, "github", "create", 1],
          ["error", 1, "github", "create", 1],
          ["warn", 2, "github", "fork", 1],
          ["error", 2, "github", "fork", 1],
          ["warn", 3, "github", "delete", 1],
          ["error", 3, "github", "delete", 1],
        ],
      );
      const [warning, error] = loud();
      assert.equal(warning.message, "knocker: event 1 of github (create), attempt 1: failed: TypeError: no such order");
      assert.match(warning.stack, /telling\.js/);
      assert.match(error.message, /^knocker: event 1 of github \(create\), attempt 1: dead: .*no such order/);
      await hooks.close();
    });

    it("of a declaration that changes what another process declared", async () => {
      const path = file();
      const { logger, loud } = recorder();
      const declare = async (maxAttempts, verify_token) => {
        const hooks = runtime.open(path, { logger });
        hooks.endpoint("inbox", { provider: "meta", secrets: SECRET, maxAttempts, options: { verify_token } });
        await hooks.close();
      };
      await declare(5, "test-token");
      await declare(5, "test-token");
      assert.deepEqual(loud(), []);
      await declare(7, "another-token");
      const [{ level, message, endpoint, settings }] = loud();
      assert.deepEqual([level, endpoint, settings], ["warn", "inbox", ["options", "max_attempts"]]);
      assert.match(message, /: options, maxAttempts was 5 and is 7$/);
    });

    it("of an event that nothing wants", async () => {
      const made = told({}, { unhandled: "dead" });
      made.endpoint.on("release", () => {});
      await made.receive("push");
      await worked(made, 1);
      assert.deepEqual(made.errors, [['no handler for events of type "push"', 1, 1]]);
      assert.equal(made.dead[0][2], "no_handler");
      await made.hooks.close();
    });

    it("nothing of an event that nothing wants and that is to be ignored", async () => {
      const { hooks, endpoint, errors, loud, receive } = told({}, { unhandled: "ignore" });
      endpoint.on("release", () => {});
      const { eventId } = await receive("push");
      const worker = hooks.work();
      await until(async () => (await hooks.event(eventId)).status === "ignored", "the event");
      await worker.stop();
      assert.deepEqual([errors, loud()], [[], []]);
      await hooks.close();
    });

    it("of attempts that ended with their worker, where it finds their leases over", async () => {
      const { hooks, endpoint, clock, errors, dead, loud, receive } = told({}, { maxAttempts: 2, backoff: { baseS: 1 } });
      endpoint.on("push", () => {});
      await receive("push");
      const gone = hooks.leases("gone");
      assert.equal(await gone.claim(1, 10), 1);
      clock.advanceMs(11_000);
      const worker = hooks.work();
      await until(() => errors.length === 1, "the lost attempt");
      await worker.stop();
      assert.deepEqual([errors[0][1], errors[0][2], dead], [1, 1, []]);
      assert.match(loud()[0].message, /attempt 1: its worker died or let go of it: lease_lost: /);
      clock.advanceMs(3_600_000);
      assert.equal(await gone.claim(1, 10), 1);
      clock.advanceMs(11_000);
      const second = hooks.work();
      await until(() => dead.length === 1, "the dead event");
      await second.stop();
      assert.deepEqual([errors.length, errors[1][2], dead[0].slice(0, 2)], [2, 2, [1, 2]]);
      await hooks.close();
    });

    it("its own functions instead of those of the hooks", async () => {
      const { hooks, endpoint, errors, dead, receive } = told();
      endpoint.on("push", () => {
        throw new knocker.Dead("hopeless");
      });
      await receive("push");
      const own = [];
      const worker = hooks.work({ onError: () => own.push("error"), onDead: () => own.push("dead") });
      await until(() => own.length === 2, "both");
      await worker.stop();
      assert.deepEqual([own, errors, dead], [["error", "dead"], [], []]);
      await hooks.close();
    });
  });

  describe("a refused request", () => {
    it("is a warning with endpoint, reason and detail, one a minute for each reason", async () => {
      const { hooks, endpoint, clock, loud } = told({}, { maxBodyBytes: 1000 });
      const forged = () => endpoint.receive(push(runtime, { secret: "another-test-secret", now: clock() }));
      for (let count = 0; count < 3; count++) await forged();
      await endpoint.receive(push(runtime, { body: "x".repeat(1500), now: clock() }));
      assert.deepEqual(
        loud().map(({ level, endpoint, reason, untold }) => [level, endpoint, reason, untold]),
        [
          ["warn", "github", "bad_signature", 0],
          ["warn", "github", "too_large", 0],
        ],
      );
      const [refused, large] = loud();
      assert.match(refused.message, /^knocker: endpoint "github" refused a request: bad_signature: ./);
      assert.deepEqual([large.size, large.max_body_bytes], [1500, 1000]);
      clock.advanceMs(60_000);
      await forged();
      assert.equal(loud()[2].untold, 2);
      assert.match(loud()[2].message, /\(and 2 more since the last warning\)/);
      await hooks.updateEndpoint("github", { enabled: false });
      await endpoint.receive(push(runtime, { now: clock() }));
      assert.equal(loud()[3].reason, "disabled");
      await hooks.close();
    });

    it("that is only counted names the settings", async () => {
      const { hooks, endpoint, clock, loud } = told({}, { invalidPerHour: 1 });
      for (let count = 0; count < 3; count++) await endpoint.receive(push(runtime, { secret: "another-test-secret", now: clock() }));
      assert.deepEqual(
        loud().map(({ reason }) => reason),
        ["bad_signature", "limited"],
      );
      assert.match(loud()[1].message, /invalidPerHour, maxRefused, maxRefusedBytes/);
      await hooks.close();
    });

    it("over HTTP is told of in the same way", async () => {
      const { hooks, endpoint, loud } = told({}, { maxBodyBytes: 1000 });
      const request = new Request("http://app.test/github", {
        method: "POST",
        body: "x".repeat(1500),
        headers: { "content-length": "1500" },
      });
      assert.equal((await endpoint.fetch(request)).status, 413);
      assert.deepEqual([loud().length, loud()[0].reason, loud()[0].size], [1, "too_large", 1500]);
      await hooks.close();
    });
  });

  describe("the log", () => {
    /** One dead event, and one refused request. */
    async function story(options) {
      const made = github(runtime, { onError: undefined, logger: undefined, ...options });
      made.endpoint.on("push", () => {
        throw new Error("hopeless");
      });
      await made.endpoint.receive(push(runtime, { body: { card: "4242424242424242" }, type: "push" }));
      await made.endpoint.receive(push(runtime, { secret: "another-test-secret" }));
      await testing.drain(made.hooks);
      await made.hooks.close();
    }

    it("takes pino: facts as members, the error as pino writes errors", async () => {
      const lines = [];
      await story({ logger: pino({ level: "debug" }, { write: (line) => lines.push(JSON.parse(line)) }) });
      const failed = lines.find(({ record }) => record === "attempt_failed");
      assert.equal(failed.msg, "knocker: event 1 of github (push), attempt 1: failed: Error: hopeless");
      assert.deepEqual([failed.level, failed.attempt, failed.err.message], [40, 1, "hopeless"]);
      assert.match(failed.err.stack, /telling\.js/);
      assert.ok(lines.some(({ reason, endpoint }) => reason === "bad_signature" && endpoint === "github"));
    });

    it("takes winston: facts as members of its lines", async () => {
      const lines = [];
      const stream = new Writable({ write: (line, _encoding, done) => (lines.push(JSON.parse(line)), done()) });
      await story({
        logger: winston.createLogger({
          level: "debug",
          format: winston.format.json(),
          transports: [new winston.transports.Stream({ stream })],
        }),
      });
      const failed = await until(() => lines.find(({ record }) => record === "attempt_failed"), "the line");
      assert.equal(failed.message, "knocker: event 1 of github (push), attempt 1: failed: Error: hopeless");
      assert.deepEqual([failed.level, failed.attempt, failed.error], ["warn", 1, "Error: hopeless"]);
      assert.match(failed.stack, /telling\.js/);
    });

    it("is the console by default, silent with false, and holds no body and no secret", async () => {
      const printed = [];
      const [warn, error] = [console.warn, console.error];
      console.warn = console.error = (...words) => void printed.push(words);
      try {
        await story({ logger: false });
        assert.deepEqual(printed, []);
        await story({});
      } finally {
        [console.warn, console.error] = [warn, error];
      }
      assert.deepEqual(
        printed.map(([message]) => message.replace(/(bad_signature): .*/, "$1")),
        ['knocker: endpoint "github" refused a request: bad_signature', "knocker: event 1 of github (push), attempt 1: failed:"],
      );
      assert.equal(printed[1][1].message, "hopeless");
      const all = JSON.stringify(printed);
      for (const secret of [SECRET, "another-test-secret", "4242"]) assert.ok(!all.includes(secret), secret);
    });

    it("keeps a line for itself where a type has a line break in it", async () => {
      const { hooks, endpoint, loud } = told();
      endpoint.on("*", () => {
        throw new knocker.Dead("one\ntwo");
      });
      await endpoint.ingest({ valid: true, type: "push\nknocker: forged" }, "");
      await testing.drain(hooks);
      assert.equal(loud().length, 2);
      for (const { message } of loud()) assert.ok(!message.includes("\n"), message);
      await hooks.close();
    });

    it("has one line for a receipt that could not be stored", async () => {
      const { hooks, endpoint, errors, loud } = told();
      await hooks.close();
      const response = await endpoint.fetch(new Request("http://app.test/github", { method: "POST", body: "{}" }));
      assert.equal(response.status, 503);
      assert.deepEqual([loud().length, loud()[0].level, loud()[0].code, errors.length], [1, "error", "closed", 1]);
    });

    it("refuses what is no logger", async () => {
      for (const logger of [true, {}, { warn: () => {} }]) {
        const error = await failure(() => runtime.open(file(), { logger }));
        assert.equal(error.code, "usage");
        assert.match(error.message, /logger must be false, or an object with the functions/);
      }
    });
  });

  describe("a function of the application that fails", () => {
    for (const [how, fail] of [
      ["throws", () => assert.fail("no pager")],
      ["rejects", async () => assert.fail("no pager")],
    ]) {
      it(`and ${how} ends nothing, and is in the log`, async () => {
        const { hooks, endpoint, loud, receive } = told({ onError: fail, onDead: fail });
        endpoint.on("push", () => {
          throw new knocker.Dead("hopeless");
        });
        const { eventId } = await receive("push");
        const worker = hooks.work();
        await until(async () => (await hooks.event(eventId)).status === "dead", "the event");
        await worker.stop();
        const failures = await until(() => {
          const found = loud().filter(({ message }) => /^knocker: on(Error|Dead) failed: /.test(message));
          return found.length === 2 && found;
        }, "both failures");
        assert.ok(failures.every(({ level }) => level === "error"));
        await hooks.close();
      });
    }

    it("and so is a logger", async () => {
      const quiet = console.error;
      console.error = () => {};
      const fail = () => assert.fail("no disk");
      const { hooks, endpoint } = github(runtime, {
        busyTimeoutMs: PATIENCE_MS,
        logger: { debug: fail, info: fail, warn: fail, error: fail },
      });
      assert.equal((await endpoint.receive(push(runtime, { secret: "another-test-secret" }))).outcome, "invalid");
      await hooks.close();
      console.error = quiet;
    });
  });
}
