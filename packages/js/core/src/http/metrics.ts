/** Serves metrics, to those who ask for OpenMetrics too. */

import { METRICS_CONTENT_TYPES } from "../contract.js";
import type { NodeHandler } from "./express.js";

/** What knows the metrics: the hooks. */
export interface MetricsSource {
  metrics(options: { openmetrics?: boolean }): Promise<string>;
}

async function answer(source: MetricsSource, accept: string | null | undefined): Promise<{ type: string; body: string }> {
  const openmetrics = accept?.includes("application/openmetrics-text") ?? false;
  return { type: METRICS_CONTENT_TYPES[openmetrics ? "openmetrics" : "prometheus"], body: await source.metrics({ openmetrics }) };
}

/** For everything that speaks fetch. */
export function serveMetrics(source: MetricsSource): (request: Request) => Promise<Response> {
  return async (request) => {
    const { type, body } = await answer(source, request.headers.get("accept"));
    return new Response(body, { headers: { "content-type": type } });
  };
}

/** For Node's `(req, res)`. A failure is a 500: Node's http and Express 4 would make it an unhandled rejection. */
export function serveMetricsExpress(source: MetricsSource, report: (error: unknown) => void): NodeHandler {
  return async (request, response) => {
    try {
      const { type, body } = await answer(source, request.headers.accept);
      response.writeHead(200, { "content-type": type }).end(body);
    } catch (error) {
      report(error);
      response.writeHead(500, { "content-type": "text/plain; charset=utf-8" }).end("internal error");
    }
  };
}
