/**
 * Statements that handlers prepare, kept for those who come after them on the same connection: preparing one costs more than running it, and a handler cannot
 * keep any itself.
 *
 * Only one on which nothing but `run` was called, without an error: then nothing of the former handler is left on it, and its result says nothing of columns,
 * which may be others by then.
 */

import type { Connection } from "./driver.js";

/** So many texts of one connection. Drivers keep with each what was bound last. */
const MOST_TEXTS = 20;

const LONGEST_TEXT = 2000;

/** Those of an attempt on this connection. */
export function statementsOf({ database, forgetsBindings }: Connection<object>): HandlerStatements {
  return new HandlerStatements(database, forgetsBindings);
}

/** Those that are kept on a connection which is about to be closed, for who has to free them. */
export function takeKept(database: object): Iterable<object> {
  const kept = ofDatabase.get(database);
  ofDatabase.delete(database);
  return kept?.values() ?? [];
}

/** What may be called on a statement that is kept. */
export const REPEATABLE: PropertyKey = "run";

/** A driver's statements by their text. */
type Kept = Map<string, object>;

const ofDatabase = new WeakMap<object, Kept>();

/** The statements of one attempt. */
export class HandlerStatements {
  readonly #kept: Kept;
  readonly #used = new Map<object, string>();
  readonly #forgets: boolean;
  /** Those that a former handler has bound something to, and this one nothing yet. */
  readonly #bound = new Set<object>();

  /**
   * @param database the driver's own.
   * @param forgets whether its statements forget what was bound when they run again.
   */
  constructor(database: object, forgets: boolean) {
    this.#forgets = forgets;
    let kept = ofDatabase.get(database);
    if (!kept) ofDatabase.set(database, (kept = new Map()));
    this.#kept = kept;
  }

  /** The statement of this text that is kept, which nobody else gets meanwhile, or a new one. */
  take(sql: string, prepare: () => object): object {
    const known = this.#kept.get(sql);
    if (known) {
      this.#kept.delete(sql);
      if (!this.#forgets) this.#bound.add(known);
    }
    const statement = known ?? prepare();
    if (sql.length <= LONGEST_TEXT) this.#used.set(statement, sql);
    return statement;
  }

  /** What to call the statement with: run without anything it takes what was bound last, and no names are nothing of it. */
  parametersFor(statement: object, parameters: unknown[]): unknown[] {
    return this.#bound.delete(statement) && parameters.length === 0 ? [{}] : parameters;
  }

  /** The statement is not to be kept. */
  spoil(statement: object): void {
    this.#used.delete(statement);
  }

  /** The attempt has ended. */
  giveBack(): void {
    for (const [statement, sql] of this.#used) {
      if (this.#kept.size < MOST_TEXTS) this.#kept.set(sql, statement);
    }
    this.#used.clear();
  }
}
