/**
 * The replica of the file that Litestream keeps elsewhere, and how receipts wait until they are there.
 *
 * Litestream's control socket speaks HTTP: `POST /sync` with `wait` answers once everything that is committed when it is asked is in the replica. It is asked once
 * for each group of receipts, on a connection that is kept.
 */

import { realpathSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { resolve } from "node:path";

import { knockerError } from "./errors.js";
import { textOf } from "./thrown-text.js";

/** Of what Litestream says of a failure, which may be the whole answer of a storage service. */
const LONGEST_REASON = 300;
/** What it answers is a line. */
const MOST_ANSWERED = 64 * 1024;

/** The connection was kept, and Litestream has ended since. */
const BROKEN = new Set<unknown>(["ECONNRESET", "EPIPE", "ECONNABORTED", "ConnectionClosed"]);

interface Answered {
  status: number;
  answer: Record<string, unknown>;
}

/** One file's replica, as its writer asks for it. */
export class Replica {
  readonly #socketPath: string;
  readonly #timeoutMs: number;
  /** Litestream knows the file by the name in its configuration, which may be one with links or the one that they lead to. */
  readonly #names: string[];
  /** When the last question was asked, where it got no answer in time. */
  #silentSince = -Infinity;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  /** @param path the file that is replicated. */
  constructor(path: string, socketPath: string, timeoutMs: number) {
    this.#socketPath = resolve(socketPath);
    this.#timeoutMs = timeoutMs;
    this.#names = [...new Set([path, realpathSync(path)])];
  }

  /**
   * Settles once the replica has all that is committed, the newest of it queued then.
   * @throws NotReplicatedError where it does not say so in time.
   */
  async synced(queuedAt: number): Promise<void> {
    // Whoever was there when a question was asked that nobody answered has waited for as long: many groups would wait in turn.
    if (queuedAt <= this.#silentSince) throw this.#silent();
    const askedAt = performance.now();
    let given: Answered;
    try {
      given = await this.#sync(askedAt + this.#timeoutMs);
    } catch (error) {
      if (error instanceof TooSlow) {
        this.#silentSince = askedAt;
        throw this.#silent();
      }
      throw notReplicated(`Litestream at ${this.#socketPath} cannot be asked: ${textOf((error as Error).message)}`, error);
    }
    const { status, answer } = given;
    const is = answer["status"];
    // A file that it has not begun with has no transaction there.
    if (status === 200 && (is === "synced" || is === "no_change") && isTransaction(answer["replicated_txid"])) return;
    const reason = textOf(answer["error"] ?? is ?? "no reason").slice(0, LONGEST_REASON);
    throw notReplicated(`Litestream did not sync ${this.#names[0]}: ${status}: ${reason}`);
  }

  /** Closes the connection, which is opened again when it is needed. */
  close(): void {
    this.#agent.destroy();
  }

  #silent() {
    return notReplicated(`Litestream at ${this.#socketPath} did not sync in ${this.#timeoutMs} ms`);
  }

  async #sync(end: number): Promise<Answered> {
    let given: Answered;
    for (const name of [...this.#names]) {
      given = await this.#posted(name, end);
      if (given.status === 404) continue;
      // It is the first to be asked for from here on.
      this.#names.sort((one, other) => Number(one !== name) - Number(other !== name));
      break;
    }
    return given!;
  }

  async #posted(name: string, end: number): Promise<Answered> {
    const question = JSON.stringify({ path: name, wait: true, timeout: Math.ceil(this.#timeoutMs / 1000) });
    try {
      return await this.#answered(question, end);
    } catch (error) {
      if (!BROKEN.has((error as NodeJS.ErrnoException).code)) throw error;
      return this.#answered(question, end);
    }
  }

  async #answered(question: string, end: number): Promise<Answered> {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(question) };
    const asking = request({ socketPath: this.#socketPath, agent: this.#agent, method: "POST", path: "/sync", headers });
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Answered>((settle, reject) => {
        timer = setTimeout(() => reject(new TooSlow()), Math.max(0, end - performance.now()));
        asking.on("error", reject);
        asking.on("response", (response) => read(response).then((answer) => settle({ status: response.statusCode ?? 0, answer }), reject));
        asking.end(question);
      });
    } catch (error) {
      asking.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

function isTransaction(number: unknown): boolean {
  return typeof number === "number" && Number.isInteger(number) && number > 0;
}

/** It did not answer in time. */
class TooSlow extends Error {}

async function read(response: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  response.setEncoding("utf8");
  for await (const part of response) {
    text += part;
    if (text.length > MOST_ANSWERED) throw new Error("its answer is none of Litestream's");
  }
  const answer: unknown = JSON.parse(text);
  return typeof answer === "object" && answer !== null ? (answer as Record<string, unknown>) : {};
}

function notReplicated(message: string, cause?: unknown) {
  return knockerError("not_replicated", message, cause);
}
