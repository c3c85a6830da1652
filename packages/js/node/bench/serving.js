// How Node opens a file and serves HTTP, for the measurements.
import { createServer } from "node:http";

import { driver, knocker, open, openRaw } from "../test/opening.js";

export { knocker, open, openRaw };

export const label = `Node ${process.versions.node} with ${driver}`;

/** A node:http handler that reads the body and answers what `receive` says. */
export function rawBody(receive) {
  return {
    express: () => (request, response) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => response.writeHead(receive(request.headers, Buffer.concat(chunks)), { "content-length": "0" }).end());
    },
  };
}

/** Serves; GET answers `report`. Returns the port. */
export function listen(endpoint, report) {
  const handler = endpoint.express();
  const server = createServer((request, response) => {
    if (request.method === "GET") response.end(JSON.stringify(report()));
    else handler(request, response);
  }).listen(0, "127.0.0.1");
  return new Promise((resolve) => server.once("listening", () => resolve(server.address().port)));
}
