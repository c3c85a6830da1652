/** The hooks of a cluster: what they store is on its nodes, and a mirror of the endpoints is in memory here, over which requests are judged. */

import type { Driver, Row, SqlValue } from "../driver.js";
import { ClusterUnavailableError, knockerError, LeaseLostError, StaleJudgementError } from "../errors.js";
import { Inbox } from "../inbox.js";
import type { OpenOptions } from "../options.js";
import { ENDPOINT_SETTINGS } from "../settings.js";
import { snake } from "../spelling.js";
import { selectOf } from "../statements.js";
import type { Settled, Stored } from "../writer.js";
import { Address } from "./address.js";
import { firstOf, rowsOf } from "./answers.js";
import { type How, Nodes, type Outcome } from "./nodes.js";
import { bodyAsHex, bodyOfHex, callOf, type Statement } from "./statements.js";

/** The functions that only read: nothing is written for them. */
const READING = ["knocker_next_due", "knocker_stats", "knocker_metrics"];

/** How long a verdict is tried, in milliseconds: one that is not written makes the handler run again. */
export const VERDICT_PATIENCE_MS = 60_000;

const SETTINGS = Object.keys(ENDPOINT_SETTINGS).map(snake);
const ENDPOINTS = `SELECT name, ${SETTINGS.join(", ")} FROM knocker_endpoints ORDER BY id`;

/** A job of a worker, as far as its verdict needs it. */
export interface Judged {
  readonly worker: string;
  readonly job: Row;
}

/** The inbox of a cluster. As a file's, of a database in memory, it has the endpoints and nothing else. */
export class RqliteInbox<Db extends object> extends Inbox<Db> {
  readonly nodes: Nodes;

  /** @throws UsageError, ClusterUnavailableError, and what a database in memory can throw. */
  constructor(driver: Driver<Db>, address: string, options: OpenOptions) {
    const nodes = new Nodes(new Address(address));
    for (const [name, why] of [
      ["replicated", "what the nodes acknowledge is on most of them"],
      ["synchronous", "how the nodes write is their own setting"],
    ] as const) {
      if (options[name] !== undefined) throw knockerError("usage", `open(${JSON.stringify(String(nodes))}): ${name} is for a file; ${why}`);
    }
    super(driver, { path: ":memory:" }, options);
    this.nodes = nodes;
    try {
      this.#askInPlace("write", [callOf("knocker_bootstrap", this.now())]);
      this.refreshInPlace();
    } catch (error) {
      this.closeFile();
      throw error;
    }
  }

  /** The nodes read no clock of theirs. */
  override now(): number {
    return super.now() ?? Date.now();
  }

  override async call(name: string, ...parameters: SqlValue[]): Promise<SqlValue> {
    this.requireOpen();
    const [result] = await this.ask(READING.includes(name) ? "read" : "write", this.busyTimeoutMs, [
      callOf(name, ...parameters, this.now()),
    ]);
    if (name === "knocker_endpoint") await this.refresh();
    this.announce();
    return firstOf(result!);
  }

  /** For declarations: the thread waits. */
  override callSync(name: string, ...parameters: SqlValue[]): SqlValue {
    this.requireOpen();
    if (name === "knocker_receive") throw knockerError("usage", "receiveSync would keep this thread from everything else: use receive");
    const [result] = this.#askInPlace("write", [callOf(name, ...parameters, this.now())]);
    this.refreshInPlace();
    return firstOf(result!);
  }

  override async read(sql: string, ...parameters: SqlValue[]): Promise<Row[]> {
    this.requireOpen();
    return rowsOfBodies(await this.ask("read", this.busyTimeoutMs, [{ sql: bodyAsHex(sql), parameters }]));
  }

  override query(sql: string, ...parameters: SqlValue[]): Row[] {
    this.requireOpen();
    return rowsOfBodies(this.#askInPlace("read", [{ sql: bodyAsHex(sql), parameters }]));
  }

  /** Stores what was judged here. Where the transaction of all was rolled back because of one, each is stored without the others. */
  override readonly store = async (group: readonly Stored[]): Promise<Settled[]> => {
    const statements = group.map(({ sql, parameters }) => ({ sql, parameters }));
    const outcome = await this.nodes.ask("write", this.busyTimeoutMs, statements);
    const settled: Settled[] = [];
    if (outcome.meaning === "refused" && group.length > 1) {
      for (const one of group) {
        const last = settled.at(-1);
        // Where the cluster has gone away, nobody waits for it in turn.
        const isAway = last !== undefined && "error" in last && last.error instanceof ClusterUnavailableError;
        settled.push(...(isAway ? [last] : await this.store([one])));
      }
      return settled;
    }
    const error = this.nodes.problemOf(outcome);
    // It is judged again, by what the settings are now.
    if (error instanceof StaleJudgementError) await this.refresh();
    return group.map((_, index) => (error ? { error } : { result: firstOf(outcome.results[index]!) }));
  };

  /**
   * Writes a verdict, after what its handlers wrote, in one transaction.
   * @throws LeaseLostError where somebody else has the job, and not where an earlier try has written it.
   */
  async verdict({ worker, job }: Judged, writes: readonly Statement[], name: string, parameters: readonly SqlValue[]): Promise<SqlValue> {
    const verdict = callOf(name, job["job_id"]!, worker, ...parameters, this.now());
    const outcome = await this.nodes.ask("write", VERDICT_PATIENCE_MS, [...writes, verdict]);
    const error = this.nodes.problemOf(outcome);
    if (error instanceof LeaseLostError && outcome.isRepeat) {
      const status = await this.#statusOf(worker, job);
      if (status !== undefined) return JSON.stringify({ status });
    }
    if (error) throw error;
    return firstOf(outcome.results.at(-1)!);
  }

  /** Runs statements. @throws KnockerError where they are not done. */
  async ask(how: How, patienceMs: number, statements: readonly Statement[]): Promise<Outcome["results"]> {
    return this.nodes.requireDone(await this.nodes.ask(how, patienceMs, statements)).results;
  }

  /** Has the leader prepare what handlers want to write: what cannot be prepared would not keep the nodes from the rest. */
  async requireUnderstood(writes: readonly Statement[]): Promise<void> {
    if (writes.length === 0) return;
    const explained = writes.map(({ sql, parameters }) => ({ sql: `EXPLAIN ${sql}`, parameters }));
    await this.ask("read", this.busyTimeoutMs, explained);
  }

  /** Reads the settings of the endpoints anew. */
  async refresh(): Promise<void> {
    this.#mirror(rowsOf((await this.ask("read", this.busyTimeoutMs, [{ sql: ENDPOINTS, parameters: [] }]))[0]!));
  }

  override refreshInPlace(): void {
    this.#mirror(rowsOf(this.#askInPlace("read", [{ sql: ENDPOINTS, parameters: [] }])[0]!));
  }

  protected override closeFile(): void {
    super.closeFile();
    this.nodes.close();
  }

  #mirror(rows: readonly Row[]): void {
    for (const { name, ...columns } of rows) {
      const settings = Object.entries(columns).map(([column, value]) => [column, settingOf(column, value)]);
      this.connection.get(selectOf("knocker_endpoint", 2), name!, JSON.stringify(Object.fromEntries(settings)), this.now());
    }
  }

  #askInPlace(how: How, statements: readonly Statement[]): Outcome["results"] {
    return this.nodes.requireDone(this.nodes.askInPlace(how, this.busyTimeoutMs, statements)).results;
  }

  /** What an earlier try has made of an attempt: what has a verdict is leased no more. */
  async #statusOf(worker: string, job: Row): Promise<string | undefined> {
    const sql = "SELECT result FROM knocker_attempts WHERE event_id = ? AND attempt = ? AND worker = ? ORDER BY id DESC LIMIT 1";
    const parameters = [job["event_id"]!, job["attempt"]!, worker];
    const [found] = await this.ask("write", VERDICT_PATIENCE_MS, [{ sql, parameters }]);
    const result = firstOf(found!);
    return result === null || result === "lease_expired" ? undefined : (result as string);
  }
}

function rowsOfBodies(results: Outcome["results"]): Row[] {
  return rowsOf(results[0]!).map(bodyOfHex);
}

/** A column of an endpoint as `knocker_endpoint` takes it. */
function settingOf(column: string, value: SqlValue): unknown {
  if (column === "enabled") return value === 1;
  return column === "options" || column === "backoff" ? JSON.parse(value as string) : value;
}
