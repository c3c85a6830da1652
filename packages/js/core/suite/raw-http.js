// An HTTP sender that does not care for the rules: bytes as a case says them, and the answers to them.
import assert from "node:assert/strict";
import { connect } from "node:net";

import { compare, onlyKeys } from "./matching.js";

/** One connection. */
class RawConnection {
  #socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #news = () => {};
  /** Whose answers have a body, in the order of the requests. */
  #methods = [];

  static async to(port) {
    const connection = new RawConnection();
    const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    connection.#socket = socket;
    socket.on("data", (chunk) => connection.#more(chunk));
    for (const end of ["end", "close", "error"]) socket.on(end, () => connection.#more(undefined));
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return connection;
  }

  #more(chunk) {
    if (chunk) this.#received = Buffer.concat([this.#received, chunk]);
    else this.#ended = true;
    this.#news();
  }

  /** All of it, or as much as the other side takes before it closes. */
  async send(bytes) {
    for (const [, method] of bytes.toString("latin1", 0, 65536).matchAll(/([A-Z]+) \S+ HTTP\/1/g)) this.#methods.push(method);
    if (this.#ended || this.#socket.destroyed) return;
    await new Promise((resolve) => {
      this.#socket.write(bytes, resolve);
      this.#socket.once("close", resolve);
    });
  }

  async close(how) {
    if (how === "half") this.#socket.end();
    else if (how === "reset") this.#socket.resetAndDestroy();
    else {
      assert.equal(how, "all");
      this.#socket.destroy();
    }
    if (how !== "half" && !this.#socket.closed) await new Promise((resolve) => this.#socket.once("close", resolve));
  }

  destroy() {
    this.#socket.destroy();
  }

  /** The next answer that is not interim; without a status where the connection ended without one. */
  async answer() {
    for (;;) {
      const head = await this.#until("\r\n\r\n");
      if (head === undefined) return { status: null, headers: {}, body: "" };
      const [first, ...lines] = head.split("\r\n");
      const found = /^HTTP\/1\.[01] (\d{3})(?: .*)?$/.exec(first);
      assert.ok(found, `no status line: ${first}`);
      const status = Number(found[1]);
      if (status < 200) continue;
      const headers = Object.fromEntries(lines.map((line) => [line.split(":")[0].toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
      return { status, headers, body: await this.#body(status, headers, this.#methods.shift()) };
    }
  }

  async #body(status, headers, method) {
    if (method === "HEAD" || status === 204 || status === 304) return "";
    if (headers["transfer-encoding"] === "chunked") {
      let body = "";
      for (;;) {
        const size = Number.parseInt((await this.#until("\r\n")) ?? "0", 16);
        body += await this.#bytes(size);
        await this.#until("\r\n");
        if (size === 0) return body;
      }
    }
    if (headers["content-length"] !== undefined) return this.#bytes(Number(headers["content-length"]));
    while (!this.#ended) await this.#next();
    return this.#received.toString();
  }

  async #until(mark) {
    for (;;) {
      const at = this.#received.indexOf(mark);
      if (at >= 0) {
        const found = this.#received.toString("latin1", 0, at);
        this.#received = this.#received.subarray(at + mark.length);
        return found;
      }
      if (this.#ended) return undefined;
      await this.#next();
    }
  }

  async #bytes(count) {
    while (this.#received.length < count) {
      assert.ok(!this.#ended, `the body of an answer ended after ${this.#received.length} of ${count} bytes`);
      await this.#next();
    }
    const found = this.#received.toString("utf8", 0, count);
    this.#received = this.#received.subarray(count);
    return found;
  }

  #next() {
    return new Promise((resolve) => (this.#news = resolve));
  }
}

/** Plays the steps of a case; settles with the status (or `closed`) of the last answer that was not the one listed first. */
export async function play(port, steps) {
  const connections = new Map();
  let other;
  try {
    for (const step of steps) {
      const name = step.on ?? "";
      if (!connections.has(name)) connections.set(name, await RawConnection.to(port));
      const connection = connections.get(name);
      if (step.answer) {
        onlyKeys(step, ["answer", "on"], "the step");
        const answer = await connection.answer();
        if (!matches(step.answer, answer)) other = String(answer.status ?? "closed");
      } else if (step.close) {
        onlyKeys(step, ["close", "on"], "the step");
        await connection.close(step.close);
      } else {
        await connection.send(bytesOf(step));
      }
    }
    return other;
  } finally {
    for (const connection of connections.values()) connection.destroy();
  }
}

/** Whether the answer has the status that is listed first; it must have one of them. */
function matches(expected, answer) {
  onlyKeys(expected, ["status", "headers", "body"], "the answer");
  const said = `answered ${JSON.stringify(answer).slice(0, 300)}, expected ${JSON.stringify(expected)}`;
  const statuses = [expected.status].flat();
  assert.ok(statuses.includes(answer.status), said);
  // Whatever a server says for itself: no inside of the app is in it.
  assert.doesNotMatch(answer.body, /vault\.internal|at .*\.[jt]s|node_modules/, said);
  if (answer.status !== statuses[0]) return false;
  for (const [name, value] of Object.entries(expected.headers ?? {})) assert.equal(answer.headers[name] ?? null, value, said);
  if (expected.body !== undefined) compare(expected.body, answer.body, "the body of the answer");
  return true;
}

function bytesOf(step) {
  onlyKeys(step, ["send", "send_base64", "times", "on"], "the step");
  if (step.send_base64 !== undefined) return Buffer.from(step.send_base64, "base64");
  return Buffer.from(
    [step.send]
      .flat()
      .join("\r\n")
      .repeat(step.times ?? 1),
  );
}
