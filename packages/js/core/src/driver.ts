/** What Knocker needs of a SQLite driver. Each runtime's package implements it for the drivers that people use there. */

/** A value that SQLite stores. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** A row: column names to values. */
export type Row = Record<string, SqlValue>;

/** One connection. Every failure is thrown as a `KnockerError`. */
export interface Connection<Db> {
  /** The driver's own object: what handlers get. */
  readonly database: Db;
  /** The file, `""` for a database in memory. */
  readonly file: string;
  /** Whether a transaction is open. */
  readonly inTransaction: boolean;
  /** Whether the driver's statements forget what was bound when they run again. */
  readonly forgetsBindings: boolean;
  /** How many statements are kept. */
  readonly keptStatements: number;
  /** Loads an extension, and leaves loading switched on or off as it was. */
  loadExtension(path: string, entry: string): void;
  /** Runs statements without parameters. */
  exec(sql: string): void;
  /** The first row. The statement is prepared once and kept for a while. Numbers are numbers, rows are objects. */
  get(sql: string, ...parameters: SqlValue[]): Row | undefined;
  /** Every row, likewise. */
  all(sql: string, ...parameters: SqlValue[]): Row[];
  close(): void;
}

/** A SQLite library, as one JavaScript driver offers it. */
export interface Driver<Db> {
  /** For messages: `node:sqlite`. */
  readonly name: string;
  /** Differs between two SQLite libraries of one process: the driver's class. */
  readonly library: unknown;
  /** Where nobody named this driver: the other SQLite library that this process has loaded, if any. */
  readonly rival?: () => string | undefined;
  /** Opens a file, or `:memory:`. */
  open(path: string): Connection<Db>;
  /** A connection that the application opened. @throws UsageError where it is closed. */
  wrap(database: Db): Connection<Db>;
}
