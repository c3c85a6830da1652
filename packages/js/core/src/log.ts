/** Where this package says what no call returns. */

import { show } from "./check.js";
import { Dead, Retry } from "./decision.js";
import { KnockerError } from "./errors.js";
import { describeThrown } from "./thrown-text.js";

/** A logger as `console`, pino and winston are. */
export interface Logger {
  debug(...words: any[]): unknown;
  info(...words: any[]): unknown;
  warn(...words: any[]): unknown;
  error(...words: any[]): unknown;
}

/** How much something matters. */
export type Level = "debug" | "info" | "warn" | "error";

/** Facts beside a message, under their names. */
export type Fields = Record<string, unknown>;

/** One line: what happened, the facts, and the error that it is about, if any. */
export type Log = (level: Level, message: string | (() => string), fields?: Fields | (() => Fields), error?: unknown) => void;

/** By default only what somebody should look at is printed. */
const DEFAULT: Logger = {
  debug: () => {},
  info: () => {},
  warn: (...words) => console.warn(...words),
  error: (...words) => console.error(...words),
};

/** @param logger `false` for silence. */
export function logOf(logger: Logger | false | undefined): Log {
  if (logger === false) return () => {};
  const to = logger ?? DEFAULT;
  const write = writerFor(to);
  return (level, message, given = {}, error) => {
    if (level === "debug" && isDeaf(to)) return;
    const text = `knocker: ${typeof message === "function" ? message() : message}`;
    const fields = typeof given === "function" ? given() : given;
    try {
      try {
        write(level, text, fields, error);
      } catch (failure) {
        if (error === undefined) throw failure;
        // What a handler throws may refuse to be looked at. The message says what it is.
        write(level, text, fields, undefined);
      }
    } catch (failure) {
      // A logger that fails must not end what it was to be told of.
      console.error("knocker: the logger failed:", failure);
    }
  };
}

/** The same logger, which names the tenant in every line. */
export function tenantLogger(logger: Logger | false | undefined, tenant: string): Logger | false {
  if (logger === false) return false;
  const to = logger ?? DEFAULT;
  const { child } = to as { child?: unknown };
  if ("bindings" in to && typeof child === "function") return child.call(to, { tenant }) as Logger;
  const isForPeople = to === DEFAULT || to === console;
  const level = (name: Level) => (text: string, fields: Fields) => {
    if (!isForPeople) return to[name](text, { tenant, ...fields });
    const line = `${text} [tenant ${show(tenant)}]`;
    return typeof fields["stack"] === "string" ? to[name](line, fields["stack"]) : to[name](line);
  };
  return { debug: level("debug"), info: level("info"), warn: level("warn"), error: level("error") };
}

/** Whether nothing comes of a `debug`: what a receipt is costs something to say. */
function isDeaf(logger: Logger): boolean {
  const { isLevelEnabled } = logger as { isLevelEnabled?: unknown };
  return logger === DEFAULT || (typeof isLevelEnabled === "function" && isLevelEnabled.call(logger, "debug") === false);
}

function writerFor(logger: Logger): (level: Level, message: string, fields: Fields, error: unknown) => unknown {
  // Pino takes the facts first, and serializes an error under this name.
  if ("bindings" in logger) {
    return (level, message, fields, error) => logger[level](error === undefined ? fields : { ...fields, err: error }, message);
  }
  if (logger === DEFAULT || logger === console) {
    // A person reads this: the message says it all, and the stack is for a mistake.
    return (level, message, _fields, error) => (isMistake(error) ? logger[level](without(message, error), error) : logger[level](message));
  }
  return (level, message, fields, error) => logger[level](message, { ...fields, ...factsOf(error) });
}

/** The message without what the error says itself. */
function without(message: string, error: unknown): string {
  const text = inLine(describeThrown(error));
  return message.endsWith(text) ? message.slice(0, -text.length).trimEnd() : message;
}

function isMistake(error: unknown): boolean {
  return error !== undefined && !(error instanceof KnockerError || error instanceof Retry || error instanceof Dead);
}

function factsOf(error: unknown): Fields {
  if (error === undefined) return {};
  return { error: describeThrown(error), stack: error instanceof Error ? error.stack : undefined };
}

/** A text of senders or handlers inside a message: a line break in it must not make a line of its own. */
export function inLine(text: string): string {
  return /\p{Cc}|\p{Zl}|\p{Zp}/u.test(text) ? show(text) : text;
}
