/** Serves metrics, to those who ask for OpenMetrics too. */

import { METRICS_CONTENT_TYPES } from "../contract.js";
import type { WebhookResponse } from "../records.js";
import { tryAgain } from "./answer.js";
import type { NodeHandler } from "./express.js";

/** What knows the metrics: the hooks. */
export interface MetricsSource {
  metrics(options: { openmetrics?: boolean }): Promise<string>;
}

/** Told of what whoever asked only sees as a status. */
type Report = (error: unknown) => void;

/** Never throws: Node's http and Express 4 would make it an unhandled rejection. */
async function answer(source: MetricsSource, report: Report, accept: string | null | undefined): Promise<WebhookResponse> {
  const openmetrics = accept?.includes("application/openmetrics-text") ?? false;
  try {
    const body = await source.metrics({ openmetrics });
    return { status: 200, headers: { "content-type": METRICS_CONTENT_TYPES[openmetrics ? "openmetrics" : "prometheus"] }, body };
  } catch (error) {
    report(error);
    return tryAgain();
  }
}

/** For everything that speaks fetch. */
export function serveMetrics(source: MetricsSource, report: Report): (request: Request) => Promise<Response> {
  return async (request) => {
    const { status, headers, body } = await answer(source, report, request.headers.get("accept"));
    return new Response(body, { status, headers });
  };
}

/** For Node's `(req, res)`. */
export function serveMetricsExpress(source: MetricsSource, report: Report): NodeHandler {
  return async (request, response) => {
    const { status, headers, body } = await answer(source, report, request.headers.accept);
    response.writeHead(status, headers).end(body);
  };
}
