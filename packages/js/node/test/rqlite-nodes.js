// The nodes of rqlite that extension/conformance/rqlite/cluster.py has started, and a way to one on which answers get lost.
import { once } from "node:events";
import { Worker } from "node:worker_threads";

import { PATIENCE_MS } from "@knocker/core/suite/workplace.js";

export const URL_OF_NODES = process.env.KNOCKER_RQLITE_URL;

export const NOT_RUN = "NOT TESTED HERE: a cluster of rqlite, because `make test-rqlite` has not started one";

const [host] = (URL_OF_NODES ?? "").replace("rqlite://", "").split(",");

/** Asks the harness, and gives its answer. */
export async function control(path, method = "GET") {
  const response = await fetch(process.env.KNOCKER_RQLITE_CONTROL + path, { method });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${text}`);
  return JSON.parse(text);
}

/** Has every node run, without a table. */
export async function emptied() {
  await control("/restart", "POST");
  await control("/wipe", "POST");
}

/** Has statements run, apart from Knocker, in one transaction; gives the first column of the last one. What only reads is asked again during an election. */
export async function run(...statements) {
  const isRead = statements.every((statement) => String(statement).startsWith("SELECT"));
  for (const end = performance.now() + PATIENCE_MS; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const response = await fetch(`http://${host}/db/request?level=strong&transaction`, {
      method: "POST",
      body: JSON.stringify(statements),
    });
    const text = await response.text();
    const { results, error } = response.ok ? JSON.parse(text) : { error: text };
    if (error && isRead && performance.now() < end) continue;
    const failed = error ?? results.find((result) => result.error)?.error;
    if (failed) throw new Error(failed);
    return (results.at(-1).values ?? []).map(([value]) => value);
  }
}

/**
 * A way to a node, at `address`, that loses one answer, or all, to requests that hold `loses(word)`, once the node has done them. In a thread of its own: hooks are opened
 * with this one waiting.
 */
export async function losing() {
  const thread = new Worker(new URL("rqlite-way.js", import.meta.url), { workerData: host });
  const [port] = await once(thread, "message");
  return {
    address: `rqlite://127.0.0.1:${port}`,
    async loses(word, isForAll = false) {
      thread.postMessage({ word, isForAll });
      await once(thread, "message");
    },
    /** How many answers were lost. */
    async lost() {
      thread.postMessage({});
      return (await once(thread, "message"))[0];
    },
    close: () => thread.terminate(),
  };
}
