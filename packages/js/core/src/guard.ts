/**
 * The driver's own objects as a handler gets them. Every call first passes a gate, also one on a statement that the handler has kept: a statement
 * works on the connection by itself, and would otherwise write past the transaction that it was prepared in.
 *
 * Iterators are remembered until they are through: one that a handler leaves in the middle keeps its statement running, which blocks the connection
 * (better-sqlite3) or keeps it at the snapshot of its transaction (the others).
 */

import { type KnockerError, knockerError } from "./errors.js";
import { type HandlerStatements, REPEATABLE } from "./handler-statements.js";

type Method = (...parameters: unknown[]) => unknown;

/** What makes an object that works on the connection later: statements, functions in a transaction, iterators, and node:sqlite's further kinds. */
const MAKERS = new Set<PropertyKey>(["prepare", "query", "transaction", "iterate", Symbol.iterator, "createSession", "createTagStore"]);

/** What takes SQL. */
const SPEAKERS = new Set<PropertyKey>(["exec", "prepare", "query", "run"]);

/** White space and comments between the words of a statement, each in one way only: a text of many comments is looked at once. */
const GAP = String.raw`(?:\s|--[^\n]*(?:\n|$)|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/)`;

/** A statement that ends the transaction; `ROLLBACK TO` does not. Behind other statements of one text it is noticed only after it has run. */
const ENDS_TRANSACTION = new RegExp(`^(?:;|${GAP})*(?:commit|end|rollback(?!${GAP}+(?:transaction${GAP}+)?to\\b))\\b`, "i");

/** The savepoint that the worker takes before each handler that shares its transaction with others. */
export const SAVEPOINT = "knocker_attempt";

/** Wherever it stands: a savepoint of that name behind another statement would keep what the handler wrote from being taken back. */
const NAMES_SAVEPOINT = new RegExp(`\\b${SAVEPOINT}\\b`, "i");

/** A pragma that sets something, wherever it stands in a text; those that take an argument and only read are none. */
const SETS_PRAGMA =
  /\bpragma\b(?![^;]*\b(?:table_x?info|table_list|index_list|index_x?info|foreign_key_(?:list|check)|(?:integrity|quick)_check)\b)[^;]*[=(]/i;

/** What sets something for as long as the connection lives. */
const SETTERS = new Set<PropertyKey>([
  ...[
    "pragma",
    "function",
    "aggregate",
    "table",
    "loadExtension",
    "enableLoadExtension",
    "defaultSafeIntegers",
    "unsafeMode",
    "setAuthorizer",
  ],
  ...["enableDefensive", "fileControl", "createModule"],
]);

/** What holds the limits of the connection, to be set there. */
const LIMITS: PropertyKey = "limits";

/** What may stop statements, the worker's own too: the result, or a rollback, would meet it. */
const HINDERS: PropertyKey = "setAuthorizer";

/** What would take the connection away from the worker. */
const CLOSERS = new Set<PropertyKey>(["close", Symbol.dispose]);

/** What makes iterators over rows. */
const ITERATORS = new Set<PropertyKey>(["iterate", Symbol.iterator]);

/** A driver's database behind the gate. */
export interface Guarded<Db extends object> {
  /** The database as a handler gets it. */
  database: Db;
  /** Ends what the handler left in the middle, iterators, and what it has set to stop statements. */
  endLeftovers(): void;
  /** Whether the handler has set something that outlives its transaction. */
  isAltered(): boolean;
  /** Whether the connection may have another file or a temporary table since. */
  mayBeAttached(): boolean;
}

/** What a handler is told that ends its transaction itself. */
export function transactionEnded(): KnockerError {
  return knockerError(
    "usage",
    "the transaction has ended before the handlers: leave COMMIT and ROLLBACK to the worker, and pass on errors of a full or failing disk",
  );
}

/** What may leave an attached file or a temporary table. Names that hold such a word only cost a look. */
const MAY_ATTACH = /attach|temp/i;

/** The text of a call's SQL, where it takes any: that of node:sqlite's tags comes in pieces, around what is bound. */
function sqlOf(name: PropertyKey, [first]: readonly unknown[], isDatabase: boolean): string | undefined {
  if (Array.isArray(first) && "raw" in first) return first.join("?");
  return isDatabase && SPEAKERS.has(name) ? String(first) : undefined;
}

/** Texts that are none of these, the most recent ones: a handler says the same each time. */
const plain = new Set<string>();
const MOST_PLAIN = 500;
const LONGEST_PLAIN = 2000;

/** What a text of SQL may do to the connection, besides what it is for. */
interface Effects {
  sets: boolean;
  mayAttach: boolean;
}

const NONE: Effects = { sets: false, mayAttach: false };

/** @throws UsageError for a statement that would end the transaction, or the worker's savepoint in it. */
function effectsOf(sql: string): Effects {
  if (plain.has(sql)) return NONE;
  if (ENDS_TRANSACTION.test(sql)) throw transactionEnded();
  if (NAMES_SAVEPOINT.test(sql)) throw knockerError("usage", `${SAVEPOINT} is the worker's savepoint: take one of another name`);
  const effects = { sets: SETS_PRAGMA.test(sql), mayAttach: MAY_ATTACH.test(sql) };
  if (effects.sets || effects.mayAttach || sql.length > LONGEST_PLAIN) return effects;
  if (plain.size >= MOST_PLAIN) plain.clear();
  plain.add(sql);
  return NONE;
}

/**
 * @param gate called before each call on the database and on everything that is made with it; may throw.
 * @param statements where those that it prepares may be kept for others.
 */
export function guard<Db extends object>(database: Db, gate: () => void, statements?: HandlerStatements): Guarded<Db> {
  const proxies = new WeakMap<object, object>();
  const iterating = new Set<Iterator<unknown>>();
  let altered = false;
  let hindered = false;
  let mayBeAttached = false;

  /** A driver's object that a handler may have only as its proxy: anything else is a result. */
  function shown(value: unknown): unknown {
    return proxies.get(value as object) ?? value;
  }

  function methodOf(target: object, name: PropertyKey, method: Method): Method {
    if (target === database && CLOSERS.has(name)) {
      return () => {
        throw knockerError("usage", "a handler must not close tx: the worker needs its connection");
      };
    }
    return (...parameters) => {
      gate();
      const isDatabase = target === database;
      const sql = sqlOf(name, parameters, isDatabase);
      const { sets, mayAttach } = sql === undefined ? NONE : effectsOf(sql);
      altered ||= sets || (isDatabase && SETTERS.has(name));
      hindered ||= isDatabase && name === HINDERS;
      mayBeAttached ||= mayAttach;
      if (name !== REPEATABLE) statements?.spoil(target);
      const isPrepared = statements && isDatabase && name === "prepare" && parameters.length === 1;
      const given = statements?.parametersFor(target, parameters) ?? parameters;
      const call = (): unknown => Reflect.apply(method, target, given);
      let result: unknown;
      try {
        result = isPrepared ? statements.take(String(parameters[0]), call as () => object) : call();
      } catch (error) {
        statements?.spoil(target);
        throw error;
      }
      if (iterating.has(target as Iterator<unknown>)) {
        // `iterator[Symbol.iterator]()` is the iterator itself.
        if ((result as { done?: unknown } | undefined)?.done === true) iterating.delete(target as Iterator<unknown>);
      } else if (ITERATORS.has(name)) iterating.add(result as Iterator<unknown>);
      return MAKERS.has(name) ? proxyOf(result as object) : shown(result);
    };
  }

  function endLeftovers(): void {
    if (hindered) Reflect.apply(Reflect.get(database, HINDERS) as Method, database, [null]);
    hindered = false;
    for (const iterator of iterating) iterator.return?.();
    iterating.clear();
    statements?.giveBack();
  }

  function proxyOf<T extends object>(target: T): T {
    const known = proxies.get(target);
    if (known) return known as T;
    const methods = new Map<PropertyKey, Method>();
    // What a handler puts in place of the driver's functions is for itself: the worker goes on with the driver's.
    const replaced = new Map<PropertyKey, unknown>();
    // Not the object itself: a proxy would have to give away what drivers freeze on it, such as a statement's raw database.
    const shell: object = typeof target === "function" ? () => {} : (Object.create(target) as object);
    const proxy = new Proxy(shell, {
      get: (_shell, name) => {
        if (replaced.has(name)) return replaced.get(name);
        altered ||= (target as object) === database && name === LIMITS;
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function" || name === "constructor") return shown(value);
        // `call`, `apply` and `bind` come back through the proxy.
        if (typeof target === "function" && Object.hasOwn(Function.prototype, name)) return value;
        let method = methods.get(name);
        if (!method) {
          method = methodOf(target, name, value as Method);
          methods.set(name, method);
        }
        return method;
      },
      set: (_shell, name, value) => {
        altered ||= (target as object) === database;
        statements?.spoil(target);
        if (typeof value !== "function") return Reflect.set(target, name, value, target);
        replaced.set(name, value);
        return true;
      },
      apply: (_shell, self, parameters) => {
        gate();
        return Reflect.apply(target as unknown as Method, self, parameters);
      },
    }) as T;
    proxies.set(target, proxy);
    return proxy;
  }

  return { database: proxyOf(database), endLeftovers, isAltered: () => altered, mayBeAttached: () => mayBeAttached };
}
