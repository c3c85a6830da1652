/** One HTTP request to a node: beside whatever else this thread does, or in place. */

import * as http from "node:http";
import * as https from "node:https";
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";

/** A request. */
export interface Question {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
}

/** An answer, or why there is none: `isUnsent` where no connection came about. */
export type Exchanged = { readonly status: number; readonly text: string } | { readonly isUnsent: boolean; readonly why: string };

/** Where no connection came about, nothing was sent. */
const UNSENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN"];

/** The same for the thread that this one waits for: it is given as text, since a file of its own is what bundlers lose. */
const IN_PLACE = `
const { workerData } = require("node:worker_threads");
const { port, signal } = workerData;
const done = new Int32Array(signal);
port.on("message", ({ url, headers, body, timeoutMs }) => {
  const { request } = require(url.startsWith("https:") ? "node:https" : "node:http");
  let isAnswered = false;
  const answer = (given) => {
    if (isAnswered) return;
    isAnswered = true;
    clearTimeout(timer);
    port.postMessage(given);
    Atomics.store(done, 0, 1);
    Atomics.notify(done, 0);
  };
  const asking = request(url, { method: "POST", headers });
  const timer = setTimeout(() => { answer({ code: "", message: "no answer in time" }); asking.destroy(); }, timeoutMs);
  const failed = (error) => answer({ code: String(error.code), message: error.message });
  asking.on("error", failed);
  asking.on("response", (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part) => (text += part));
    response.on("error", failed);
    response.on("end", () => answer({ status: response.statusCode, text }));
  });
  asking.end(body);
});
`;

/** The connections to the nodes. */
export class Exchange {
  readonly #agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) };
  #inPlace: { worker: Worker; port: MessagePort; done: Int32Array } | undefined;

  /** Asks. It never throws. */
  async ask({ url, headers, body, timeoutMs }: Question): Promise<Exchanged> {
    const isSecure = url.startsWith("https:");
    const options = { method: "POST", headers, agent: isSecure ? this.#agents.https : this.#agents.http };
    const asking = isSecure ? https.request(url, options) : http.request(url, options);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Exchanged>((settle, reject) => {
        timer = setTimeout(() => reject(new Error("no answer in time")), timeoutMs);
        asking.on("error", reject);
        asking.on("response", (response) => {
          readAll(response).then((text) => settle({ status: response.statusCode ?? 0, text }), reject);
        });
        asking.end(body);
      });
    } catch (error) {
      asking.destroy();
      return failed(String((error as NodeJS.ErrnoException).code), (error as Error).message);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks, and has this thread wait. */
  askInPlace(question: Question): Exchanged {
    const { port, done } = (this.#inPlace ??= startInPlace());
    Atomics.store(done, 0, 0);
    port.postMessage(question);
    Atomics.wait(done, 0, 0);
    const given = receiveMessageOnPort(port)!.message as { status: number; text: string } | { code: string; message: string };
    return "status" in given ? given : failed(given.code, given.message);
  }

  /** Closes the connections. */
  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
    void this.#inPlace?.worker.terminate();
    this.#inPlace = undefined;
  }
}

function startInPlace(): { worker: Worker; port: MessagePort; done: Int32Array } {
  const { port1, port2 } = new MessageChannel();
  const signal = new SharedArrayBuffer(4);
  const worker = new Worker(IN_PLACE, { eval: true, workerData: { port: port2, signal }, transferList: [port2] });
  worker.unref();
  port1.unref();
  return { worker, port: port1, done: new Int32Array(signal) };
}

function failed(code: string, why: string): Exchanged {
  return { isUnsent: UNSENT.includes(code), why };
}

async function readAll(response: http.IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  for await (const part of response) text += part;
  return text;
}
