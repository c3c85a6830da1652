/**
 * What this package uses of OpenTelemetry. It is found where `@opentelemetry/api` registers what the application has set up, for all copies of the API in one
 * process: so nothing is imported, no bundler has anything to resolve, and it works whichever copy the application has.
 */

/** Where every version 1 of the API keeps the providers. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");
/** Under which every copy of it keeps the span of a context. */
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");

/** As `SpanKind` and `SpanStatusCode` have it. */
export const PRODUCER = 3;
export const CONSUMER = 4;
export const ERROR = 2;

export interface TraceState {
  get(key: string): string | undefined;
  set(key: string, value: string): TraceState;
  unset(key: string): TraceState;
  serialize(): string;
}

export interface SpanContext {
  traceId: string;
  spanId: string;
  traceFlags: number;
  traceState?: TraceState;
  isRemote?: boolean;
}

export interface Span {
  spanContext(): SpanContext;
  setAttribute(name: string, value: string | number): unknown;
  setStatus(status: { code: number }): unknown;
  end(): void;
}

export interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

export interface Tracer {
  startSpan(name: string, options: { kind: number; attributes: Record<string, string | number> }, context: Context): Span;
}

interface Registry {
  trace?: { getTracer(name: string, version: string): Tracer };
  context?: { active(): Context; with<T>(context: Context, work: () => T): T };
}

function registry(): Registry | undefined {
  return (globalThis as Record<symbol, unknown>)[REGISTRY] as Registry | undefined;
}

/** Undefined where nobody in this process has set tracing up. */
export function findTracer(version: string): Tracer | undefined {
  return registry()?.trace?.getTracer("knocker", version);
}

export function activeContext(): Context {
  return registry()?.context?.active() ?? NOTHING;
}

export function runIn<T>(context: Context, work: () => T): T {
  const contexts = registry()?.context;
  return contexts ? contexts.with(context, work) : work();
}

export function spanIn(context: Context): Span | undefined {
  return context.getValue(SPAN) as Span | undefined;
}

export function withSpan(context: Context, span: Pick<Span, "spanContext">): Context {
  return context.setValue(SPAN, span);
}

export function isValid({ traceId, spanId }: SpanContext): boolean {
  return /[^0]/.test(traceId) && /[^0]/.test(spanId);
}

/** A span of another process. */
export function remoteSpan(context: SpanContext): Pick<Span, "spanContext"> {
  return { spanContext: () => context };
}

/** The entries of a `tracestate`. */
export function traceState(text: string): TraceState {
  const entries = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  const without = (key: string) => entries.filter((entry) => !entry.startsWith(`${key}=`));
  return {
    get: (key) => entries.find((entry) => entry.startsWith(`${key}=`))?.slice(key.length + 1),
    set: (key, value) => traceState([`${key}=${value}`, ...without(key)].join(",")),
    unset: (key) => traceState(without(key).join(",")),
    serialize: () => entries.join(","),
  };
}

/** The context where the application has no manager of contexts. */
function contextOf(values: ReadonlyMap<symbol, unknown>): Context {
  return {
    getValue: (key) => values.get(key),
    setValue: (key, value) => contextOf(new Map(values).set(key, value)),
    deleteValue: (key) => contextOf(new Map([...values].filter(([one]) => one !== key))),
  };
}

const NOTHING = contextOf(new Map());
