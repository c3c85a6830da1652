// Sends requests over keep-alive connections with as little work as it can, so that the server is what is measured.
import { connect } from "node:net";

import { BODY, headers } from "./requests.js";

/** One request as it goes over the wire. */
export function request() {
  const lines = Object.entries(headers()).map(([name, value]) => `${name}: ${value}`);
  return `POST /webhooks/github HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${BODY}`;
}

/** Keeps `connections` busy until `total` requests are answered; returns requests a second. */
export async function load(port, connections, total) {
  let sent = 0;
  let refused = 0;
  const start = performance.now();
  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise((resolve, reject) => {
          const socket = connect({ port, host: "127.0.0.1", noDelay: true });
          const next = () => {
            if (sent === total) return void socket.end(resolve);
            sent += 1;
            socket.write(request());
          };
          socket.once("connect", next);
          socket.on("error", reject);
          // One small answer a request: it comes in one piece.
          socket.on("data", (chunk) => {
            if (chunk.toString("latin1", 9, 12) !== "200") refused += 1;
            next();
          });
        }),
    ),
  );
  if (refused > 0) throw new Error(`${refused} of ${total} requests were not answered 200`);
  return total / ((performance.now() - start) / 1000);
}
