// Knocker as an application sees it: the loaded extension, called through SQL.

import { DatabaseSync } from "node:sqlite";

import { NOW_MS } from "./case.js";

const database = new DatabaseSync(":memory:", { allowExtension: true });
database.loadExtension(process.env.KNOCKER_EXTENSION);
const verifyStatement = database.prepare("SELECT knocker_verify(?, ?, ?, ?, ?, ?) AS verdict");
const signStatement = database.prepare("SELECT knocker_sign(?, ?, ?, ?, ?, ?) AS signed");

/** The verdict of `knocker_verify` on a request at `nowMs`. */
export function verify({ provider, options }, request, secret, nowMs = NOW_MS) {
  const secrets = JSON.stringify([secret]);
  const row = verifyStatement.get(provider, JSON.stringify(options), envelope(request), Buffer.from(request.body), secrets, nowMs);
  return JSON.parse(row.verdict);
}

/** The request of the case as Knocker signs it. */
export function sign({ provider, options, request, key }, nowMs = NOW_MS) {
  const row = signStatement.get(provider, JSON.stringify(options), envelope(request), Buffer.from(request.body), key, nowMs);
  const { headers, url, body } = JSON.parse(row.signed);
  return request.with({ url: url ?? request.url, body: body ?? request.body }).withHeaders(headers);
}

function envelope({ method, url, headers }) {
  return JSON.stringify({ method, url, headers });
}
