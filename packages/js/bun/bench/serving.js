// How Bun opens a file and serves HTTP, for the measurements.
import { knocker, open, openRaw } from "../test/opening.js";

export { knocker, open, openRaw };

export const label = `Bun ${Bun.version}`;

/** A fetch handler that reads the body and answers what `receive` says. */
export function rawBody(receive) {
  return {
    fetch: async (request) => {
      const body = Buffer.from(await request.arrayBuffer());
      return new Response(null, { status: receive(Object.fromEntries(request.headers), body) });
    },
  };
}

/** Serves; GET answers `report`. Returns the port. */
export function listen(endpoint, report) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => (request.method === "GET" ? Response.json(report()) : endpoint.fetch(request)),
  });
  return server.port;
}
