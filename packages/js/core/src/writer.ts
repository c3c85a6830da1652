/**
 * Group commit: the writes of one turn of the event loop share a transaction, and each caller is answered after the commit, and after the replica has it where
 * receipts are to wait for one. What has to be judged is judged before the transaction begins.
 */

import type { Connection, SqlValue } from "./driver.js";
import { knockerError, ReadOnlyError, StaleJudgementError } from "./errors.js";
import { bytesOf, HeavyQueue, isHeavy, type ToJudge } from "./judging.js";
import type { Link } from "./link.js";
import { selectOf } from "./statements.js";

/** A commit holds the thread, and everybody else's writes, for as long as its writes and one fsync take. These bound the writes. */
const LARGEST_GROUP = 128;
const LARGEST_GROUP_BYTES = 8 * 1024 * 1024;

/** How long small requests are judged before those that are judged are stored, in milliseconds. */
const JUDGING_MS = 10;

/** So long without a small request, and a heavy one waits for no company, in milliseconds. */
const ALONE_MS = 100;

/** How often a request is judged whose endpoint is changed meanwhile. */
const MOST_JUDGED = 4;

const STORE = selectOf("knocker_store", 2);

interface Write {
  sql: string;
  parameters: readonly SqlValue[];
  /** How many bytes they hold; where they are yet to be made, about. */
  bytes: number;
  /** Where the parameters are yet to be made: by judging. */
  toJudge: ToJudge | undefined;
  judged: number;
  /** Alone in its group: it is judged and stored by one call, which takes the lock for the second half of it only. */
  isAlone: boolean;
  since: number;
  /** Turns the result into what the caller wants. */
  read: (result: SqlValue) => unknown;
  settle: (read: unknown) => void;
  reject: (error: unknown) => void;
}

/** What became of one write of a group. */
export type Settled = { result: SqlValue } | { error: unknown };

/** A statement that stores what was judged. */
export type Stored = Pick<Write, "sql" | "parameters">;

/** What the writer needs of the inbox that it belongs to. */
export interface WriterSource {
  readonly main: Link<unknown>;
  readonly busyTimeoutMs: number;
  /** Runs a write while nobody else holds the lock. */
  whenWritable<T>(limitMs: number, work: () => T, size: { calls: number; bytes: number }): Promise<T>;
  /** Runs the checkpoint that is due. */
  checkpoint(): void;
  /** Called after every commit. */
  announce(): void;
  /** Stores a group elsewhere than in the file. */
  readonly store?: (group: readonly Stored[]) => Promise<Settled[]>;
  /** What receipts wait for after their commit, where they do. */
  readonly replica: { synced(queuedAt: number): Promise<void> } | undefined;
}

/** The one that writes of a `Hooks` what is not a handler's. */
export class Writer {
  readonly #source: WriterSource;
  readonly #pending: Write[] = [];
  readonly #heavy = new HeavyQueue<Write>();
  #running: Promise<void> | undefined;
  #untidy = false;
  /** When the last small request came. */
  #lightAt = -Infinity;
  /** Ends a wait for the share of heavy requests. */
  #wake: (() => void) | undefined;

  constructor(source: WriterSource) {
    this.#source = source;
  }

  /**
   * Runs one `SELECT function(…) AS result` in the next group; settles after its commit with its own result or its own error.
   * @param read turns the result into what the caller wants.
   */
  submit<T>(sql: string, parameters: readonly SqlValue[], read: (result: SqlValue) => T): Promise<T> {
    return this.#add(sql, parameters, undefined, read);
  }

  /** Judges a request, and stores the judgement in the next group; settles after its commit. */
  judge<T>(toJudge: ToJudge, read: (result: SqlValue) => T): Promise<T> {
    return this.#add(STORE, [], toJudge, read);
  }

  /** Runs the checkpoint that is due, after what is being written has been answered. */
  tidy(): void {
    this.#untidy = true;
    this.#running ??= this.#run();
  }

  /** Settles when everything submitted so far is settled. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #add<T>(sql: string, parameters: readonly SqlValue[], toJudge: ToJudge | undefined, read: (result: SqlValue) => T): Promise<T> {
    return new Promise<unknown>((settle, reject) => {
      const bytes = bytesOf(toJudge?.parameters ?? parameters);
      const since = performance.now();
      const write: Write = { sql, parameters, bytes, toJudge, judged: 0, isAlone: false, since, read, settle, reject };
      if (toJudge && isHeavy(bytes)) this.#heavy.add(write);
      else {
        this.#pending.push(write);
        this.#lightAt = since;
      }
      this.#running ??= this.#run();
      this.#wake?.();
    }) as Promise<T>;
  }

  async #run(): Promise<void> {
    // What else arrives in this turn joins the group.
    await nextTurn();
    while (this.#pending.length > 0 || this.#heavy.length > 0 || this.#untidy) {
      const group = this.#gather();
      if (group.length > 0) await this.#commit(group);
      // The answers go out, and new requests come in, before anything else is done.
      await nextTurn();
      if (this.#heavy.length > 0) {
        this.#heavy.run((write) => this.#judge(write), this.#isAlone);
        // What has arrived meanwhile goes into the same group.
        await nextTurn();
      }
      if (this.#untidy) this.#tidy();
      if (this.#pending.length === 0 && this.#heavy.length > 0) await this.#rest(Math.min(ALONE_MS, this.#heavy.waitMs(this.#isAlone)));
    }
    this.#running = undefined;
  }

  /** Whether no small request has come lately. */
  get #isAlone(): boolean {
    return performance.now() - this.#lightAt > ALONE_MS;
  }

  #tidy(): void {
    this.#untidy = false;
    this.#source.checkpoint();
  }

  /** Waits for the next heavy request's turn, or for anything else to do. */
  async #rest(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** The next group, judged. */
  #gather(): Write[] {
    const group: Write[] = [];
    const end = performance.now() + JUDGING_MS;
    let bytes = 0;
    while (this.#pending.length > 0 && group.length < LARGEST_GROUP) {
      const write = this.#pending[0]!;
      if (write.toJudge && write.parameters.length === 0) {
        if (this.#pending.length === 1 && group.length === 0 && this.#heavy.length === 0 && !this.#source.store) {
          write.isAlone = true;
          return [this.#pending.shift()!];
        }
        if (group.length > 0 && performance.now() > end) break;
        if (!this.#judge(write)) {
          this.#pending.shift();
          continue;
        }
      }
      if (group.length > 0 && bytes + write.bytes > LARGEST_GROUP_BYTES) break;
      bytes += write.bytes;
      group.push(write);
      this.#pending.shift();
    }
    while (group.length < LARGEST_GROUP) {
      const write = this.#heavy.next(group.length > 0);
      if (!write) break;
      bytes += write.bytes;
      if (group.length > 0 && bytes > LARGEST_GROUP_BYTES) {
        this.#heavy.unshift(write);
        break;
      }
      group.push(write);
    }
    return group;
  }

  /** Judges a request; false where that ended in its error. */
  #judge(write: Write): boolean {
    const { ways, parameters, endpoint, now } = write.toJudge!;
    try {
      const judgement = this.#source.main.connection.get(ways.judge, ...parameters)!["result"] as Uint8Array;
      write.parameters = [endpoint, judgement, now];
      write.bytes = judgement.byteLength;
      write.judged += 1;
      return true;
    } catch (error) {
      write.reject(error);
      return false;
    }
  }

  async #commit(group: Write[]): Promise<void> {
    const size = { calls: group.length, bytes: 0 };
    for (const { bytes } of group) size.bytes += bytes;
    const write = () => this.#source.main.use((connection) => this.#write(connection, group));
    const receipts: [Write, Settled][] = [];
    try {
      const settled = await (this.#source.store?.(group) ?? this.#source.whenWritable(this.#source.busyTimeoutMs, write, size));
      group.forEach((write, index) => {
        const of = settled[index]!;
        if (this.#source.replica && write.toJudge && "result" in of) receipts.push([write, of]);
        else this.#settle(write, of);
      });
      this.#source.announce();
    } catch (error) {
      for (const write of group) write.reject(error);
    }
    if (receipts.length > 0) await this.#settleReplicated(receipts);
  }

  async #settleReplicated(receipts: readonly [Write, Settled][]): Promise<void> {
    try {
      await this.#source.replica!.synced(Math.max(...receipts.map(([write]) => write.since)));
      for (const [write, settled] of receipts) this.#settle(write, settled);
    } catch (error) {
      // They are stored all the same, and what is sent again is a duplicate.
      for (const [write] of receipts) write.reject(error);
    }
  }

  #settle(write: Write, settled: Settled): void {
    if ("result" in settled) {
      // It is committed; and the rest of its group must be answered whatever its reader makes of it.
      try {
        write.settle(write.read(settled.result));
      } catch (error) {
        write.reject(error);
      }
    } else if (settled.error instanceof StaleJudgementError && write.judged < MOST_JUDGED) {
      // The endpoint was changed between the two.
      write.parameters = [];
      this.#pending.push(write);
    } else write.reject(settled.error);
  }

  #write(connection: Connection<unknown>, group: Write[]): Settled[] {
    if (connection.inTransaction) throw knockerError("busy", "the application has a transaction open on this connection");
    const [first] = group;
    if (!first!.isAlone) return this.#transaction(connection, group);
    const { ways, parameters } = first!.toJudge!;
    return [{ result: connection.get(ways.whole, ...parameters)!["result"]! }];
  }

  #transaction(connection: Connection<unknown>, group: Write[]): Settled[] {
    connection.get("BEGIN IMMEDIATE");
    try {
      const settled = group.map((write) => this.#one(connection, write));
      connection.get("COMMIT");
      return settled;
    } catch (error) {
      if (connection.inTransaction) connection.get("ROLLBACK");
      throw error;
    }
  }

  /** Each function takes its own savepoint, so that an error leaves the rest of the group as it is. */
  #one(connection: Connection<unknown>, write: Write): Settled {
    try {
      return { result: connection.get(write.sql, ...write.parameters)!["result"]! };
    } catch (error) {
      // A full disk ends the whole transaction: then what went before it in the group is gone too. A connection that came up read-only begins one all the same.
      if (!connection.inTransaction || error instanceof ReadOnlyError) throw error;
      return { error };
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
