/** The trace that a request belongs to, by W3C Trace Context: https://www.w3.org/TR/trace-context/. */

import type { Headers } from "./event.js";

/** The headers that a receive adds to those that are stored, where it has a span of its own. No header of the sender is touched. */
export const RECEIVE_TRACEPARENT = "knocker-traceparent";
export const RECEIVE_TRACESTATE = "knocker-tracestate";

// A later version may say more after a dash.
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^]*)?$/;

/** A valid `traceparent` with what stands in it, and the `tracestate` beside it. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate: string | null;
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

/** The span of the receive, or else what the sender said; undefined where neither is valid. */
export function traceOf(headers: Headers): TraceContext | undefined {
  // A sender may have used that name: the package's own comes last.
  return read(all(headers, RECEIVE_TRACEPARENT).slice(-1), all(headers, RECEIVE_TRACESTATE).slice(-1)) ?? sentTrace(headers);
}

/** What the sender said. */
export function sentTrace(headers: Headers): TraceContext | undefined {
  return read(all(headers, "traceparent"), all(headers, "tracestate"));
}

function all(headers: Headers, name: string): string[] {
  return [headers[name] ?? []].flat();
}

function read(traceparents: string[], tracestates: string[]): TraceContext | undefined {
  const [given, another] = traceparents;
  const form = another === undefined ? FORM.exec(trimmed(given ?? "")) : null;
  if (!form) return undefined;
  const [, version, traceId, spanId, said, more] = form as unknown as [string, string, string, string, string, string | undefined];
  if (version === "ff" || (version === "00" && more) || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  // Of a version that is not known here, the first flag alone means something.
  const flags = version === "00" ? said : `0${parseInt(said, 16) & 1}`;
  const states = tracestates.map(trimmed).filter((state) => state !== "");
  const tracestate = states.length > 0 ? states.join(",") : null;
  return { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate, traceId, spanId, flags: parseInt(flags, 16) };
}

function trimmed(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, "");
}
