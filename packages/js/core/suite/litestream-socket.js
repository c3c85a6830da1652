// What Litestream's control socket is to a receipt: a small HTTP server on a Unix socket that takes `POST /sync`.
import { createServer } from "node:http";

import { deferred } from "./workplace.js";

export const SYNCED = [200, { status: "synced", txid: 7, replicated_txid: 7 }];

/** Listens at that path. It answers with what `answer` is, once `held` is settled, and keeps what it was asked. */
export async function litestream(path, { answer = SYNCED, held = Promise.resolve() } = {}) {
  const sockets = new Set();
  const running = {
    answer,
    held,
    asked: [],
    connections: 0,
    /** Settles with the next question. */
    next() {
      const { promise, resolve } = deferred();
      waiting.push(resolve);
      return promise;
    },
    /** Ends it, with its connections. */
    async end() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const waiting = [];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (part) => (text += part));
    request.on("end", async () => {
      const question = JSON.parse(text);
      running.asked.push({ url: `${request.method} ${request.url}`, ...question });
      waiting.shift()?.(question);
      await running.held;
      const [status, body] = typeof running.answer === "function" ? running.answer(question) : running.answer;
      response.writeHead(status, { "content-type": "application/json" });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    });
  });
  server.on("connection", (socket) => {
    running.connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise((resolve) => server.listen(path, resolve));
  return running;
}
