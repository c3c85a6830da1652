/** What handlers write through `tx` where it is sent with the verdict, in one request: it happens together, or not at all. */

import { checkParameters, show } from "../check.js";
import type { SqlValue } from "../driver.js";
import { knockerError } from "../errors.js";
import { handlerEnded } from "../transaction.js";
import { looksLikeBlob, type Statement } from "./statements.js";

/** What a statement is made of, as far as it matters where it ends: comments, texts and names in quotes, a semicolon, blanks, words, anything else. */
const TOKEN = /--[^\n]*|\/\*.*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|;|\s+|\w+|./gs;

const WRITING = ["INSERT", "REPLACE", "UPDATE", "DELETE"];

/** Of these each node would take a value of its own. */
const DIFFERS = /^(?:random\(|randomblob\(|current_(?:timestamp|time|date))/;

/** So do these where they are asked for the time of day. */
const TIMES = /^(?:date|time|datetime|julianday|unixepoch|strftime|timediff)\($/;

/** Why a handler cannot write this on a cluster; undefined where it can: one statement that writes, and the same on each node. */
export function whyNotWritten(sql: string, parameters: readonly unknown[]): string | undefined {
  const tokens = (sql.match(TOKEN) ?? []).filter((token) => !/^(?:\s|--|\/\*)/.test(token));
  const end = tokens.indexOf(";");
  if (end >= 0 && tokens.slice(end).some((token) => token !== ";")) return "it takes one statement at a time";
  const words = tokens.map((token) => token.toUpperCase());
  const isWith = words[0] === "WITH";
  if (!(isWith ? words : words.slice(0, 1)).some((word) => WRITING.includes(word)))
    return "it takes INSERT, REPLACE, UPDATE and DELETE alone; make tables beforehand, with /db/execute of a node";
  const isNow = [...tokens.map((token) => token.replaceAll("'", "")), ...parameters].some(
    (value) => typeof value === "string" && value.trim().toLowerCase() === "now",
  );
  const differs = tokens.some((token, index) => {
    const call = (token + (tokens[index + 1] === "(" ? "(" : "")).toLowerCase();
    return DIFFERS.test(call) || (TIMES.test(call) && (isNow || tokens[index + 2] === ")"));
  });
  return differs ? "each node would take a random number or a time of its own: bind the value in the place of it" : undefined;
}

/** The writes of one attempt. `tx` is what its handlers get. */
export class Writes {
  readonly statements: Statement[] = [];
  readonly tx = {
    prepare: (sql: string) => this.#prepared(sql),
    exec: (sql: string) => void this.#add(sql, []),
    close: () => {
      throw writesOnly("it is closed when the handlers have ended");
    },
  };
  #over = false;

  /** Takes no more. */
  end(): void {
    this.#over = true;
  }

  #prepared(sql: string): object {
    this.#check(sql);
    const refuse = () => {
      throw writesOnly("it gives no rows");
    };
    return {
      run: (...parameters: SqlValue[]) => {
        this.#add(sql, parameters);
        return NOT_KNOWN_YET;
      },
      get: refuse,
      all: refuse,
      iterate: refuse,
    };
  }

  #add(sql: string, parameters: readonly SqlValue[]): void {
    this.#check(sql, parameters);
    parameters.forEach((value, index) => {
      if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
        throw knockerError("usage", `tx: value ${index + 1} of a write is an object: the nodes take values by their places`);
      }
      if (typeof value === "number" && !Number.isFinite(value))
        throw knockerError("usage", `tx: value ${index + 1} of a write is ${value}`);
      if (typeof value === "string" && looksLikeBlob(value)) {
        const instead = "give it as bytes and write CAST(? AS TEXT)";
        throw knockerError(
          "usage",
          `tx: value ${index + 1} of a write is a text of the form x'…', which rqlite takes for a BLOB: ${instead}`,
        );
      }
    });
    checkParameters("tx", parameters);
    // The caller may write over its bytes before they are sent.
    this.statements.push({ sql, parameters: parameters.map((value) => (value instanceof Uint8Array ? value.slice() : value)) });
  }

  #check(sql: string, parameters: readonly unknown[] = []): void {
    if (this.#over) throw handlerEnded();
    if (typeof sql !== "string") throw knockerError("usage", `tx: the SQL must be a text, not ${show(sql)}`);
    const whyNot = whyNotWritten(sql, parameters);
    if (whyNot !== undefined) throw writesOnly(whyNot);
  }
}

function writesOnly(why: string) {
  return knockerError(
    "usage",
    `tx is sent to the nodes with the verdict, in one request, and ${why}: read what is committed with hooks.query(…) or from rqlite itself`,
  );
}

/** What a write has changed, which nobody knows before it is sent. */
const NOT_KNOWN_YET = {
  get changes(): never {
    throw writesOnly("what a write changes is not known before");
  },
  get lastInsertRowid(): never {
    throw writesOnly("what a write changes is not known before");
  },
};
