// The telemetry of the conformance data: the trace that a handler gets, log records and spans, with OpenTelemetry and without.
import assert from "node:assert/strict";

import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

import { compare, onlyKeys } from "./matching.js";
import { BODY } from "./scripted.js";

const CASE_KEYS = ["name", "endpoint", "handler", "hooks_fail", "active_span", "steps", "records", "spans"];
const SPAN_KEYS = ["name", "kind", "parent", "trace_id", "failed", "attributes"];
const LEVELS = { debug: "debug", info: "info", warn: "warning", error: "error" };

/** One that has a header in several kinds of requests, or a story with OpenTelemetry and without. */
export async function playTelemetry(runtime, given, { records: table }) {
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
  const lines = [];
  const write = (level) => (message, fields) => void lines.push({ level: LEVELS[level], message, fields });
  const logger = Object.fromEntries(Object.keys(LEVELS).map((level) => [level, write(level)]));
  const failing = () => {
    throw new Error("the hook is broken");
  };
  const told = given.hooks_fail ? { onError: failing, onDead: failing } : {};
  const hooks = runtime.open(":memory:", { now: runtime.testing.frozenClock(), logger, ...told });
  const { max_attempts: maxAttempts, ...others } = given.endpoint ?? {};
  onlyKeys(others, [], "the endpoint");
  const endpoint = hooks.endpoint("inbox", { ...(maxAttempts && { maxAttempts }) });
  endpoint.on("order.*", handlerOf(runtime, given.handler));
  const steps = async () => {
    for (const { ingest, drain, ...rest } of given.steps) {
      onlyKeys(rest, [], "the step");
      if (ingest) await endpoint.ingest(ingest, BODY);
      else
        assert.deepEqual(
          (await runtime.testing.drain(hooks)).attempts.map(({ status }) => status),
          drain,
        );
    }
  };
  let active;
  if (given.active_span && exporter) {
    await trace.getTracer("app").startActiveSpan("active", async (span) => {
      active = span;
      await steps();
      span.end();
    });
  } else await steps();
  await hooks.close();
  checkRecords(given.records, lines, table);
  if (exporter) checkSpans(given.spans, exporter.getFinishedSpans(), active);
}

function handlerOf({ knocker }, script) {
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
  };
  assert.ok(script in deeds, script);
  return deeds[script];
}

function checkRecords(expected, lines, table) {
  const found = lines.map(({ level, message, fields }) => {
    const known = table.find(({ record }) => record === fields.record);
    assert.ok(known, message);
    assert.equal(level, known.level);
    // What an error said and where is for the reader of a log without an idea of errors.
    const { record, stack: _, ...facts } = fields;
    if (!known.fields.includes("error")) delete facts.error;
    onlyKeys(facts, known.fields, message);
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
