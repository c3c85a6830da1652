// The telemetry of the conformance data: the trace that a handler gets, log records and spans, with OpenTelemetry and without.
import assert from "node:assert/strict";
import { renameSync } from "node:fs";

import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

import { compare, onlyKeys } from "./matching.js";
import { BODY } from "./scripted.js";
import { file, PATIENCE_MS, until } from "./workplace.js";

const CASE_KEYS = ["name", "endpoint", "secrets", "handler", "hooks_fail", "active_span", "steps", "records", "spans"];
const SPAN_KEYS = ["name", "kind", "parent", "trace_id", "failed", "attributes"];
const LEVELS = { debug: "debug", info: "info", warn: "warning", error: "error" };

/** One that has a header in several kinds of requests, or a story with OpenTelemetry and without. */
export async function playTelemetry(runtime, given, { records, everywhere }) {
  const table = records && { records, everywhere };
  if (table === undefined) return playTrace(runtime, given);
  onlyKeys(given, CASE_KEYS, "the case");
  await playStory(runtime, given, table, undefined);
  await traced((exporter) => playStory(runtime, given, table, exporter));
}

/** Does the work while an SDK of OpenTelemetry is set up that keeps the spans. */
export async function traced(work) {
  const exporter = new InMemorySpanExporter();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  try {
    await work(exporter);
  } finally {
    trace.disable();
    context.disable();
  }
}

async function playTrace(runtime, { headers, traceparent, tracestate, ...rest }) {
  onlyKeys(rest, ["name"], "the case");
  const pairs = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  for (const given of [headers, pairs]) {
    const hooks = runtime.open(":memory:");
    const seen = [];
    hooks.endpoint("inbox", {}).on("*", (event) => void seen.push([event.traceparent, event.tracestate]));
    await hooks.endpoint("inbox").ingest({ valid: true, headers: given }, BODY);
    await runtime.testing.drain(hooks);
    assert.deepEqual(seen, [[traceparent, tracestate]]);
    await hooks.close();
  }
}

async function playStory(runtime, given, table, exporter) {
  const story = new Story(runtime, given);
  const steps = async () => {
    for (const step of given.steps) await story.take(step);
  };
  let active;
  if (given.active_span && exporter) {
    await trace.getTracer("app").startActiveSpan("active", async (span) => {
      active = span;
      await steps();
      span.end();
    });
  } else await steps();
  await story.end();
  checkRecords(given.records, story.lines, table);
  if (exporter && given.spans) checkSpans(given.spans, exporter.getFinishedSpans(), active);
}

/** What a case does to hooks, and beside them. */
class Story {
  lines = [];
  #runtime;
  #hooks;
  #endpoint;
  #settings;
  #path = file();
  /** Other connections to the file. */
  #raw = [];

  constructor(runtime, { handler, secrets = [], hooks_fail: hooksFail, endpoint = {}, steps }) {
    this.#runtime = runtime;
    const write = (level) => (message, fields) => void this.lines.push({ level: LEVELS[level], message, fields });
    const logger = Object.fromEntries(Object.keys(LEVELS).map((level) => [level, write(level)]));
    const failing = () => {
      throw new Error("the hook is broken");
    };
    const told = hooksFail ? { onError: failing, onDead: failing } : {};
    // Nobody waits for the lock but for one that is kept.
    const busyTimeoutMs = handler === "keeps_lock" || steps.some(({ work }) => work?.locked) ? 50 : PATIENCE_MS;
    this.#hooks = runtime.open(this.#path, { now: runtime.testing.frozenClock(), busyTimeoutMs, logger, ...told });
    const unfound = () => {
      throw new RangeError("no never-to-be-logged in the vault");
    };
    this.#settings = { ...camelled(endpoint), secrets: secrets === "fails" ? unfound : secrets };
    this.#endpoint = this.#declared({});
    this.#endpoint.on("order.*", this.#handlerOf(handler));
  }

  async end() {
    for (const database of this.#raw) database.close();
    await this.#hooks.close();
  }

  async take(step) {
    const [[what, given], ...others] = Object.entries(step);
    assert.ok(others.length === 0 && what in this.#deeds, `the data has a step ${JSON.stringify(step)}`);
    await this.#deeds[what](given);
  }

  #deeds = {
    ingest: (fields) => until(() => this.#ingested(fields), "the file that has come in the place of the one before"),
    drain: async (statuses) => {
      const { attempts } = await this.#runtime.testing.drain(this.#hooks);
      assert.deepEqual(
        attempts.map(({ status }) => status),
        statuses,
      );
    },
    work: async ({ until: record, locked, lease_s: leaseS = 60, ...rest }) => {
      onlyKeys(rest, [], "work");
      if (locked) this.#connect("BEGIN IMMEDIATE");
      const worker = this.#hooks.work({ leaseS });
      await until(() => this.#said(record), record);
      await worker.stop();
    },
    declare: (settings) => void this.#declared(camelled(settings)),
    read: () => this.#connect("BEGIN; SELECT count(*) FROM sqlite_schema"),
    replace_file: async () => {
      const other = file();
      await this.#runtime.open(other).close();
      renameSync(other, this.#path);
    },
    close: () => this.#hooks.close(),
    request: async (status) => {
      const request = new Request("http://app.test/inbox", { method: "POST", body: BODY });
      assert.equal((await this.#endpoint.fetch(request)).status, status);
    },
    scrape: async (status) => assert.equal((await this.#hooks.metricsFetch(new Request("http://app.test/metrics"))).status, status),
  };

  async #ingested(fields) {
    try {
      return await this.#endpoint.ingest(fields, BODY);
    } catch (error) {
      assert.equal(error.code, "file_replaced", error.message);
      return undefined;
    }
  }

  #declared(settings) {
    return this.#hooks.endpoint("inbox", { ...this.#settings, ...settings });
  }

  #connect(sql) {
    const database = this.#runtime.openRaw(this.#path);
    this.#raw.push(database);
    database.exec(sql);
    return database;
  }

  #said(record) {
    return this.lines.some(({ fields }) => fields.record === record);
  }

  #handlerOf(script) {
    const { knocker } = this.#runtime;
    const deeds = {
      returns: () => {},
      fails: () => {
        throw new Error("broken");
      },
      retries: () => {
        throw new knocker.Retry({ after: 60, reason: "later" });
      },
      dead: () => {
        throw new knocker.Dead("never");
      },
      ignores: () => {
        throw new knocker.Ignore("of no interest");
      },
      loses_lease: async () => {
        const [{ worker }] = this.#hooks.query("SELECT worker FROM knocker_jobs");
        await this.#hooks.leases(worker).release();
        await this.#hooks.leases("another").claim(1, 60);
        await until(() => this.#said("lease_lost"), "the lost lease");
      },
      keeps_lock: async () => {
        const database = this.#connect("BEGIN IMMEDIATE");
        await until(() => this.#said("leases_not_extended"), "what was not extended");
        database.exec("ROLLBACK");
      },
    };
    assert.ok(script in deeds, script);
    return deeds[script];
  }
}

function camelled(settings) {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name.replace(/_([a-z])/g, (_, one) => one.toUpperCase()), value]),
  );
}

function checkRecords(expected, lines, { records, everywhere }) {
  const found = lines.map(({ level, message, fields }) => {
    const known = records.find(({ record }) => record === fields.record);
    assert.ok(known, message);
    assert.equal(level, known.level, message);
    assert.ok("javascript" in (known.only_in ?? { javascript: "" }), message);
    const { record, ...facts } = fields;
    onlyKeys(facts, [...known.fields, ...Object.keys(everywhere)], message);
    assert.ok(!`${message} ${JSON.stringify(fields)}`.includes("never-to-be-logged"), message);
    return { record, ...Object.fromEntries(known.fields.map((field) => [field, facts[field] ?? null])) };
  });
  compare(expected, found, "records");
}

function checkSpans(expected, finished, active) {
  const spans = finished.filter(({ name }) => name !== "active");
  const parents = { active: active?.spanContext().spanId };
  const found = spans.map((span) => ({
    name: span.name,
    kind: SpanKind[span.kind].toLowerCase(),
    parent: span.parentSpanContext?.spanId ?? null,
    trace_id: span.spanContext().traceId,
    failed: span.status.code === SpanStatusCode.ERROR,
    attributes: span.attributes,
  }));
  const wanted = expected.map((one) => {
    onlyKeys(one, SPAN_KEYS, "the span");
    const { parent } = one;
    if (typeof parent === "number") return { ...one, parent: spans[parent].spanContext().spanId };
    return parent === "active" ? { ...one, parent: parents.active } : one;
  });
  compare(wanted, found, "spans");
  const said = JSON.stringify(spans.map(({ name, attributes, events, status }) => [name, attributes, events, status]));
  for (const secret of ["never-to-be-logged", "broken"]) assert.ok(!said.includes(secret), said);
}
