/** The nodes of a cluster, asked one after the other. */

import { knockerError, fromDriver, type KnockerError } from "../errors.js";
import type { Address } from "./address.js";
import { type Answer, readAnswer, withoutResults } from "./answers.js";
import { Exchange, type Exchanged, type Question } from "./exchange.js";
import { bodyOf, type Statement } from "./statements.js";

/** After each round of all nodes, in milliseconds: they may be electing a leader. */
const ROUND_PAUSE_MS = 50;

/** A round of all nodes, also where nobody wants to wait, in milliseconds. */
const LEAST_PATIENCE_MS = 1000;

/** What one node is given to answer at most, in milliseconds. */
const MOST_TRY_MS = 5000;

/** In one transaction that most of the nodes have written; or read of what most of them have, without writing. */
const TARGETS = {
  write: "/db/request?level=strong&transaction&blob_array",
  read: "/db/query?level=linearizable&blob_array",
} as const;

/** How statements are run. */
export type How = keyof typeof TARGETS;

/** What became of a request. `isRepeat`: an earlier try may have done it already. */
export interface Outcome extends Answer {
  readonly isRepeat: boolean;
}

/** SQLite's result codes by its texts, which is all that rqlite passes on. */
const RESULTS: readonly (readonly [text: string, code: number])[] = [
  ["database is locked", 5],
  ["attempt to write a readonly database", 8],
  ["interrupted", 9],
  ["disk I/O error", 10],
  ["database disk image is malformed", 11],
  ["database or disk is full", 13],
];

/** The nodes. */
export class Nodes {
  readonly #address: Address;
  readonly #exchange = new Exchange();
  /** The one that has answered last. */
  #last = 0;

  constructor(address: Address) {
    this.#address = address;
  }

  toString(): string {
    return String(this.#address);
  }

  /** Has statements run, at whichever node takes them within that time. */
  async ask(how: How, patienceMs: number, statements: readonly Statement[]): Promise<Outcome> {
    const tries = new Tries(how, patienceMs, statements, this.#address, this.#last);
    while (!tries.isOver(await this.#exchange.ask(tries.question))) {
      if (tries.isRound) await new Promise((resolve) => setTimeout(resolve, ROUND_PAUSE_MS));
    }
    this.#last = tries.node;
    return tries.outcome;
  }

  /** The same, with this thread waiting for it. */
  askInPlace(how: How, patienceMs: number, statements: readonly Statement[]): Outcome {
    const tries = new Tries(how, patienceMs, statements, this.#address, this.#last);
    while (!tries.isOver(this.#exchange.askInPlace(tries.question))) {
      if (tries.isRound) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ROUND_PAUSE_MS);
    }
    this.#last = tries.node;
    return tries.outcome;
  }

  /** @throws KnockerError that says what is wrong with what became of a request. */
  requireDone(outcome: Outcome): Outcome {
    const problem = this.problemOf(outcome);
    if (problem) throw problem;
    return outcome;
  }

  /** The error, where it is not done. */
  problemOf({ meaning, why, isRepeat }: Outcome): KnockerError | undefined {
    switch (meaning) {
      case "done":
        return undefined;
      case "refused":
      case "torn":
        return errorOf(why);
      case "forbidden":
        return knockerError("usage", `${String(this)} takes no such request: ${why}; are user, password and scheme right?`);
    }
    const done = isRepeat ? ", and it may be done all the same" : "";
    return knockerError("cluster_unavailable", `no node of ${String(this)} took it${done}: ${why}`);
  }

  close(): void {
    this.#exchange.close();
  }
}

/** The error of a statement, by its text. */
function errorOf(why: string): KnockerError {
  const hint = /no such function: knocker_/.test(why)
    ? " (a node has no Knocker: start each with -extensions-path, the folder of the library)"
    : "";
  return fromDriver(new Error(why + hint), RESULTS.find(([text]) => why.startsWith(text))?.[1]);
}

/** The tries of one request, one node after the other. */
class Tries {
  outcome: Outcome = { ...withoutResults("elsewhere", "nobody was asked"), isRepeat: false };
  /** The one that is asked now. */
  node: number;
  readonly #question: Omit<Question, "url">;
  readonly #targets: readonly string[];
  readonly #statements: number;
  readonly #end: number;
  #tries = 0;

  constructor(how: How, patienceMs: number, statements: readonly Statement[], { nodes, authorization }: Address, first: number) {
    const patience = Math.max(patienceMs, LEAST_PATIENCE_MS);
    const timeoutMs = Math.min(patience / 2, MOST_TRY_MS);
    const headers = { "content-type": "application/json", ...(authorization !== undefined && { authorization }) };
    this.#question = { headers, body: bodyOf(statements), timeoutMs };
    this.#targets = nodes.map((node) => `${node}${TARGETS[how]}&timeout=${Math.ceil(timeoutMs)}ms`);
    this.#statements = statements.length;
    this.#end = performance.now() + patience;
    this.node = first;
  }

  get question(): Question {
    return { ...this.#question, url: this.#targets[this.node]! };
  }

  /** Whether all nodes have been asked since the last pause. */
  get isRound(): boolean {
    return this.#tries % this.#targets.length === 0;
  }

  /** Takes what came of the question, and says whether there is nothing more to ask. */
  isOver(given: Exchanged): boolean {
    const answer =
      "status" in given
        ? readAnswer(given.status, given.text, this.#statements)
        : withoutResults(given.isUnsent ? "elsewhere" : "unknown", given.why);
    const isUnknown = answer.meaning === "unknown";
    this.outcome = { ...answer, isRepeat: this.outcome.isRepeat || isUnknown };
    if ((answer.meaning !== "elsewhere" && !isUnknown) || performance.now() >= this.#end) return true;
    this.#tries += 1;
    this.node = (this.node + 1) % this.#targets.length;
    return false;
  }
}
