/** Prepared statements, kept by their text. */

/** Enough for every statement of this package; beyond it stand texts that an application makes anew each time. */
const MOST_KEPT = 200;

/** The statements of one connection. The oldest goes when there are too many. */
export class Statements<Statement> {
  readonly #kept = new Map<string, Statement>();
  readonly #prepare: (sql: string) => Statement;
  readonly #drop: (statement: Statement) => void;

  /** @param drop frees a statement, where the garbage collector does not. */
  constructor(prepare: (sql: string) => Statement, drop: (statement: Statement) => void = () => {}) {
    this.#prepare = prepare;
    this.#drop = drop;
  }

  /** The statement of this text, prepared at its first use. */
  of(sql: string): Statement {
    let statement = this.#kept.get(sql);
    if (statement === undefined) {
      statement = this.#prepare(sql);
      this.#kept.set(sql, statement);
      if (this.#kept.size > MOST_KEPT) this.#dropOldest();
    }
    return statement;
  }

  /** How many are kept. */
  get size(): number {
    return this.#kept.size;
  }

  /** Frees them all. */
  clear(): void {
    for (const statement of this.#kept.values()) this.#drop(statement);
    this.#kept.clear();
  }

  #dropOldest(): void {
    for (const [sql, statement] of this.#kept) {
      this.#kept.delete(sql);
      this.#drop(statement);
      return;
    }
  }
}

const selects = new Map<string, string>();

/** `SELECT function(?, …)` with one mark an argument and one for the clock. The same text each time: it is what statements are kept by. */
export function selectOf(name: string, count: number): string {
  const key = `${name}/${count}`;
  let sql = selects.get(key);
  if (sql === undefined) {
    sql = `SELECT ${name}(${Array(count + 1)
      .fill("?")
      .join(", ")}) AS result`;
    selects.set(key, sql);
  }
  return sql;
}
